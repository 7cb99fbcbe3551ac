//! The closed table of methods: every method of every revision, who sends it, and whether it is a request.
//!
//! A method outside the table is never relayed.

use super::revision::Era;

/// Who sends a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    Client,
    Server,
    Either,
}

/// In which eras a method exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Eras {
    Legacy,
    Modern,
    Both,
}

macro_rules! methods {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $sender:ident, $kind:ident, $eras:ident;)+) => {
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

            const fn eras(self) -> Eras {
                match self { $(Self::$variant => Eras::$eras,)+ }
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
    Initialize = "initialize", Client, Request, Legacy;
    Ping = "ping", Either, Request, Legacy;
    ServerDiscover = "server/discover", Client, Request, Modern;
    ToolsList = "tools/list", Client, Request, Both;
    ToolsCall = "tools/call", Client, Request, Both;
    ResourcesList = "resources/list", Client, Request, Both;
    ResourcesTemplatesList = "resources/templates/list", Client, Request, Both;
    ResourcesRead = "resources/read", Client, Request, Both;
    ResourcesSubscribe = "resources/subscribe", Client, Request, Legacy;
    ResourcesUnsubscribe = "resources/unsubscribe", Client, Request, Legacy;
    PromptsList = "prompts/list", Client, Request, Both;
    PromptsGet = "prompts/get", Client, Request, Both;
    CompletionComplete = "completion/complete", Client, Request, Both;
    LoggingSetLevel = "logging/setLevel", Client, Request, Legacy;
    SubscriptionsListen = "subscriptions/listen", Client, Request, Modern;
    TasksGet = "tasks/get", Client, Request, Both;
    TasksResult = "tasks/result", Client, Request, Legacy;
    TasksList = "tasks/list", Client, Request, Legacy;
    TasksUpdate = "tasks/update", Client, Request, Modern;
    TasksCancel = "tasks/cancel", Client, Request, Both;
    SamplingCreateMessage = "sampling/createMessage", Server, Request, Legacy;
    ElicitationCreate = "elicitation/create", Server, Request, Legacy;
    RootsList = "roots/list", Server, Request, Legacy;
    NotificationsInitialized = "notifications/initialized", Client, Notification, Legacy;
    NotificationsRootsListChanged = "notifications/roots/list_changed", Client, Notification, Legacy;
    NotificationsCancelled = "notifications/cancelled", Either, Notification, Both;
    NotificationsProgress = "notifications/progress", Either, Notification, Both;
    NotificationsMessage = "notifications/message", Server, Notification, Both;
    NotificationsToolsListChanged = "notifications/tools/list_changed", Server, Notification, Both;
    NotificationsPromptsListChanged = "notifications/prompts/list_changed", Server, Notification, Both;
    NotificationsResourcesListChanged = "notifications/resources/list_changed", Server, Notification, Both;
    NotificationsResourcesUpdated = "notifications/resources/updated", Server, Notification, Both;
    NotificationsElicitationComplete = "notifications/elicitation/complete", Server, Notification, Legacy;
    NotificationsSubscriptionsAcknowledged = "notifications/subscriptions/acknowledged", Server, Notification, Modern;
    NotificationsTasksStatus = "notifications/tasks/status", Either, Notification, Legacy;
    NotificationsTasks = "notifications/tasks", Server, Notification, Modern;
}

impl Method {
    /// Whether it exists in this era.
    #[must_use]
    pub const fn exists_in(self, era: Era) -> bool {
        matches!(
            (self.eras(), era),
            (Eras::Both, _) | (Eras::Legacy, Era::Legacy) | (Eras::Modern, Era::Modern)
        )
    }

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
            assert_eq!(
                method.name().starts_with("notifications/"),
                !method.is_request()
            );
            assert!(method.from_client() || method.from_server());
        }
        assert_eq!(Method::from_name("Tools/Call"), None);
    }
}
