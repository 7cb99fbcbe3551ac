//! What a tool does, what its data is worth, and where its server stands: as the operator says, never as the server does.

/// What a tool does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Changes something.
    Write,
    /// Changes what later tasks will read: memory, configuration, schedules, code, prompts.
    Persist,
    /// Destroys something, or nobody has said what it does.
    Destroy,
}

/// A set of effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effects(u8);

/// What data is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// Anybody may have it.
    Public,
    /// Everybody here may have it; what nobody has labelled.
    Internal,
    /// A few may have it.
    Confidential,
    /// Hardly anybody may have it.
    Restricted,
}

/// Where what is sent to a server goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Egress {
    /// It stays here.
    Internal,
    /// It leaves.
    External,
}

/// What the operator says of one tool, resource, prompt or request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    /// What it does.
    pub effect: Effect,
    /// What its data is worth.
    pub label: Label,
    /// Where what is sent to it goes.
    pub egress: Egress,
    /// Whether what it answers may have been written by anybody.
    pub untrusted: bool,
    /// What a call of it costs; nothing where it only opens or describes.
    pub cost: u64,
}

// === impl Effect ===

impl Effect {
    /// All of them, the gravest last.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Persist, Self::Destroy];

    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Persist => "persist",
            Self::Destroy => "destroy",
        }
    }

    /// The effect of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == text)
    }
}

// === impl Effects ===

impl Effects {
    /// Whether the effect is among them.
    pub fn holds(self, effect: Effect) -> bool {
        self.0 & bit(effect) != 0
    }

    /// Whether all of the others are among them.
    pub fn covers(self, others: Self) -> bool {
        others.0 & !self.0 == 0
    }

    /// Those among them, the gravest last.
    pub fn iter(self) -> impl Iterator<Item = Effect> {
        Effect::ALL.into_iter().filter(move |one| self.holds(*one))
    }
}

impl FromIterator<Effect> for Effects {
    fn from_iter<I: IntoIterator<Item = Effect>>(effects: I) -> Self {
        Self(effects.into_iter().fold(0, |set, one| set | bit(one)))
    }
}

fn bit(effect: Effect) -> u8 {
    match effect {
        Effect::Read => 1,
        Effect::Write => 2,
        Effect::Persist => 4,
        Effect::Destroy => 8,
    }
}

// === impl Label ===

impl Label {
    /// All of them, the highest last.
    pub const ALL: [Self; 4] = [
        Self::Public,
        Self::Internal,
        Self::Confidential,
        Self::Restricted,
    ];

    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Confidential => "confidential",
            Self::Restricted => "restricted",
        }
    }

    /// The label of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == text)
    }
}

// === impl Egress ===

impl Egress {
    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::External => "external",
        }
    }

    /// The egress of that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Internal, Self::External]
            .into_iter()
            .find(|one| one.name() == text)
    }
}
