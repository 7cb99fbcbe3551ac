//! The closed table of methods: every method of every revision, who sends it, and whether it is a request.
//!
//! A method outside the table is never relayed.

/// Who sends a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    Client,
    Server,
    Either,
}

macro_rules! methods {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $sender:ident, $kind:ident;)+) => {
        /// A method.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Method { $(#[doc = $name] $variant,)+ }

        impl Method {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// As it stands on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The method of this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }

            const fn sender(self) -> Sender {
                match self { $(Self::$variant => Sender::$sender,)+ }
            }

            /// Whether it is a request; else it is a notification.
            #[must_use]
            pub const fn is_request(self) -> bool {
                match self { $(Self::$variant => methods!(@ $kind),)+ }
            }
        }
    };
    (@ Request) => { true };
    (@ Notification) => { false };
}

methods! {
    Initialize = "initialize", Client, Request;
    Ping = "ping", Either, Request;
    ServerDiscover = "server/discover", Client, Request;
    ToolsList = "tools/list", Client, Request;
    ToolsCall = "tools/call", Client, Request;
    ResourcesList = "resources/list", Client, Request;
    ResourcesTemplatesList = "resources/templates/list", Client, Request;
    ResourcesRead = "resources/read", Client, Request;
    ResourcesSubscribe = "resources/subscribe", Client, Request;
    ResourcesUnsubscribe = "resources/unsubscribe", Client, Request;
    PromptsList = "prompts/list", Client, Request;
    PromptsGet = "prompts/get", Client, Request;
    CompletionComplete = "completion/complete", Client, Request;
    LoggingSetLevel = "logging/setLevel", Client, Request;
    SubscriptionsListen = "subscriptions/listen", Client, Request;
    TasksGet = "tasks/get", Client, Request;
    TasksResult = "tasks/result", Client, Request;
    TasksList = "tasks/list", Client, Request;
    TasksUpdate = "tasks/update", Client, Request;
    TasksCancel = "tasks/cancel", Client, Request;
    SamplingCreateMessage = "sampling/createMessage", Server, Request;
    ElicitationCreate = "elicitation/create", Server, Request;
    RootsList = "roots/list", Server, Request;
    NotificationsInitialized = "notifications/initialized", Client, Notification;
    NotificationsRootsListChanged = "notifications/roots/list_changed", Client, Notification;
    NotificationsCancelled = "notifications/cancelled", Either, Notification;
    NotificationsProgress = "notifications/progress", Either, Notification;
    NotificationsMessage = "notifications/message", Server, Notification;
    NotificationsToolsListChanged = "notifications/tools/list_changed", Server, Notification;
    NotificationsPromptsListChanged = "notifications/prompts/list_changed", Server, Notification;
    NotificationsResourcesListChanged = "notifications/resources/list_changed", Server, Notification;
    NotificationsResourcesUpdated = "notifications/resources/updated", Server, Notification;
    NotificationsElicitationComplete = "notifications/elicitation/complete", Server, Notification;
    NotificationsSubscriptionsAcknowledged = "notifications/subscriptions/acknowledged", Server, Notification;
    NotificationsTasksStatus = "notifications/tasks/status", Either, Notification;
    NotificationsTasks = "notifications/tasks", Server, Notification;
}

impl Method {
    /// Whether a client may send it.
    #[must_use]
    pub const fn from_client(self) -> bool {
        matches!(self.sender(), Sender::Client | Sender::Either)
    }

    /// Whether a server may send it.
    #[must_use]
    pub const fn from_server(self) -> bool {
        matches!(self.sender(), Sender::Server | Sender::Either)
    }
}

#[cfg(test)]
mod tests {
    use super::Method;

    #[test]
    fn names_come_back_and_notifications_say_so() {
        for method in Method::ALL {
            assert_eq!(Method::from_name(method.name()), Some(*method));
            assert_eq!(method.name().starts_with("notifications/"), !method.is_request());
            assert!(method.from_client() || method.from_server());
        }
        assert_eq!(Method::from_name("Tools/Call"), None);
    }
}
