//! Every method of every revision, and what a gateway has to know of it.

use crate::{Envelope, Era, Text};

/// Who sends a method and whether it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// A request from a client to a server.
    ClientRequest,
    /// A request from a server to a client; legacy only.
    ServerRequest,
    /// A notification, from either side.
    Notification,
}

/// The member of `params` that the `Mcp-Name` header repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameParam {
    /// `params.name`.
    Name,
    /// `params.uri`.
    Uri,
    /// `params.taskId`, of the tasks extension (SEP-2663).
    TaskId,
}

impl NameParam {
    /// Its value in a message.
    pub fn of(self, envelope: &Envelope) -> Option<Text> {
        match self {
            Self::Name => envelope.name,
            Self::Uri => envelope.uri,
            Self::TaskId => envelope.task_id,
        }
    }

    /// Its path, for messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "params.name",
            Self::Uri => "params.uri",
            Self::TaskId => "params.taskId",
        }
    }

    /// Whether a message without the header is refused. The specification demands so of its own
    /// methods; of an extension's a gateway has no need of it and only checks what is there.
    pub fn header_required(self) -> bool {
        match self {
            Self::Name | Self::Uri => true,
            Self::TaskId => false,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Eras {
    Legacy,
    Modern,
    Both,
}

/// Whether the same message may be sent a second time when the first got no answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Safe,
    Unsafe,
}

use Again::{Safe, Unsafe};
use Direction::{ClientRequest, Notification, ServerRequest};
use Eras::{Both, Legacy, Modern};

/// Writes the enum and its facts from one table, a row a method.
macro_rules! methods {
    ($($variant:ident $name:literal $direction:ident $eras:ident $again:ident)*) => {
        /// A method that some revision of MCP defines. Others pass a gateway all the same.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Method {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Method {
            /// Every method.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The method of exactly this name.
            pub fn from_bytes(name: &[u8]) -> Option<Self> {
                Self::ALL.iter().copied().find(|method| method.as_str().as_bytes() == name)
            }

            /// The method's name on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            fn facts(self) -> (Direction, Eras, Again) {
                match self { $(Self::$variant => ($direction, $eras, $again),)* }
            }
        }
    };
}

methods! {
    Initialize                   "initialize"                           ClientRequest Legacy Unsafe
    Ping                         "ping"                                 ClientRequest Legacy Safe
    ServerDiscover               "server/discover"                      ClientRequest Modern Safe
    ToolsList                    "tools/list"                           ClientRequest Both   Safe
    ToolsCall                    "tools/call"                           ClientRequest Both   Unsafe
    PromptsList                  "prompts/list"                         ClientRequest Both   Safe
    PromptsGet                   "prompts/get"                          ClientRequest Both   Safe
    ResourcesList                "resources/list"                       ClientRequest Both   Safe
    ResourcesRead                "resources/read"                       ClientRequest Both   Safe
    ResourcesTemplatesList       "resources/templates/list"             ClientRequest Both   Safe
    ResourcesSubscribe           "resources/subscribe"                  ClientRequest Legacy Safe
    ResourcesUnsubscribe         "resources/unsubscribe"                ClientRequest Legacy Safe
    SubscriptionsListen          "subscriptions/listen"                 ClientRequest Modern Safe
    LoggingSetLevel              "logging/setLevel"                     ClientRequest Legacy Safe
    CompletionComplete           "completion/complete"                  ClientRequest Both   Safe
    TasksGet                     "tasks/get"                            ClientRequest Both   Safe
    TasksList                    "tasks/list"                           ClientRequest Legacy Safe
    TasksResult                  "tasks/result"                         ClientRequest Legacy Unsafe
    TasksUpdate                  "tasks/update"                         ClientRequest Modern Unsafe
    TasksCancel                  "tasks/cancel"                         ClientRequest Both   Unsafe
    SamplingCreateMessage        "sampling/createMessage"               ServerRequest Legacy Unsafe
    ElicitationCreate            "elicitation/create"                   ServerRequest Legacy Unsafe
    RootsList                    "roots/list"                           ServerRequest Legacy Safe
    NotificationsInitialized     "notifications/initialized"            Notification  Legacy Unsafe
    NotificationsCancelled       "notifications/cancelled"              Notification  Both   Unsafe
    NotificationsProgress        "notifications/progress"               Notification  Both   Unsafe
    NotificationsMessage         "notifications/message"                Notification  Both   Unsafe
    NotificationsRootsChanged    "notifications/roots/list_changed"     Notification  Legacy Unsafe
    NotificationsToolsChanged    "notifications/tools/list_changed"     Notification  Both   Unsafe
    NotificationsPromptsChanged  "notifications/prompts/list_changed"   Notification  Both   Unsafe
    NotificationsResourcesChanged "notifications/resources/list_changed" Notification Both   Unsafe
    NotificationsResourcesUpdated "notifications/resources/updated"     Notification  Both   Unsafe
    NotificationsSubscriptionsAcknowledged "notifications/subscriptions/acknowledged" Notification Modern Unsafe
    NotificationsTasks           "notifications/tasks"                  Notification  Modern Unsafe
    NotificationsTasksStatus     "notifications/tasks/status"           Notification  Legacy Unsafe
    NotificationsElicitationComplete "notifications/elicitation/complete" Notification Legacy Unsafe
}

impl Method {
    /// Who sends it and whether it is answered.
    pub fn direction(self) -> Direction {
        self.facts().0
    }

    /// Whether some revision of this era defines it.
    pub fn exists_in(self, era: Era) -> bool {
        match self.facts().1 {
            Both => true,
            Legacy => era == Era::Legacy,
            Modern => era == Era::Modern,
        }
    }

    /// Whether sending it again after a lost answer does no more than sending it once: it reads,
    /// or sets what it has set already.
    pub fn idempotent(self) -> bool {
        self.facts().2 == Safe
    }

    /// What the modern era's `Mcp-Name` header repeats for it, if anything.
    pub fn name_param(self) -> Option<NameParam> {
        match self {
            Self::ToolsCall | Self::PromptsGet => Some(NameParam::Name),
            Self::ResourcesRead => Some(NameParam::Uri),
            Self::TasksGet | Self::TasksUpdate | Self::TasksCancel => Some(NameParam::TaskId),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_nothing_near_them_is() {
        for &method in Method::ALL {
            let name = method.as_str();
            assert_eq!(Method::from_bytes(name.as_bytes()), Some(method));
            assert_eq!(Method::from_bytes(name.to_uppercase().as_bytes()), None);
            assert_eq!(Method::from_bytes(format!("{name} ").as_bytes()), None);
        }
        assert_eq!(Method::from_bytes(b"\xFF"), None);
    }

    #[test]
    fn what_acts_is_never_sent_twice() {
        for method in [Method::ToolsCall, Method::TasksUpdate, Method::Initialize] {
            assert!(!method.idempotent(), "{method:?}");
        }
        for &method in Method::ALL {
            let notification = method.direction() == Direction::Notification;
            assert_eq!(notification, method.as_str().starts_with("notifications/"));
            assert!(!(notification && method.idempotent()), "{method:?}");
        }
    }

    #[test]
    fn what_the_stateless_revision_removed_is_legacy() {
        for method in [
            Method::Initialize,
            Method::Ping,
            Method::LoggingSetLevel,
            Method::ResourcesSubscribe,
            Method::SamplingCreateMessage,
        ] {
            assert!(method.exists_in(Era::Legacy) && !method.exists_in(Era::Modern), "{method:?}");
        }
        assert!(Method::ServerDiscover.exists_in(Era::Modern));
        assert!(!Method::ServerDiscover.exists_in(Era::Legacy));
        assert!(
            Method::ToolsCall.exists_in(Era::Legacy) && Method::ToolsCall.exists_in(Era::Modern)
        );
    }
}
