//! The outcome of a request or an action, as it travels and as it is logged.

use std::fmt;

/// The outcome of a request or an action. Numbers are the original's where it has one; they reach
/// logs and clients and never change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(u16);

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)+) => {
        impl Status {
            $($(#[$doc])* pub const $name: Self = Self($number);)+

            /// What it means, in a few words.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                    Self(_) => "unknown status",
                }
            }
        }
    };
}

statuses! {
    /// Done, and in time.
    OK = 0, "ok";
    /// Cancelled before it started.
    CANCELLED = 1, "cancelled";
    /// Something failed that should not have; the message says what. On the client link the
    /// original calls 1 "error"; ours sends 2 for both.
    RUNTIME_ERROR = 2, "runtime error";
    /// The process is shutting down.
    SHUTTING_DOWN = 3, "shutting down";
    /// The deadline passed before an action could carry the request.
    TIMEOUT = 4, "timeout";
    /// The controller is still starting up; ask again.
    INITIALIZING = 5, "Controller initializing";
    /// The request makes no sense; the message says why.
    INVALID_REQUEST = 6, "invalid request";
    /// Dropped because it could not be saved at the batch size it was queued for.
    SKIPPED = 7, "controller skipped";
    /// Refused early: no schedule can meet the deadline.
    REFUSED = 8, "refused early";
    /// Done, but after the deadline; the output is attached.
    LATE = 9, "late";
    /// The worker does not know the model.
    UNKNOWN_MODEL = 10, "unknown model";
    /// A model could not be loaded from disk in its window.
    LOAD_MODEL_LATE = 11, "could not start loading the model in time";
    /// The action makes no sense.
    INVALID_ACTION = 12, "invalid action";
    /// The worker has no such device.
    INVALID_GPU = 13, "invalid gpu";
    /// Over the connection's credits; ask again later. Ours.
    OVERLOADED = 14, "overloaded";
    /// The worker that held the request was lost. Ours.
    WORKER_LOST = 15, "worker lost";
    /// No result came by latest + expected + grace. Ours.
    EXPIRED = 16, "action expired";
    /// The connection to the controller was lost, or is not there: a client's own answer. Ours.
    DISCONNECTED = 17, "no connection to the controller";
    /// The model id is taken.
    MODEL_EXISTS = 40, "model id exists";
    /// No model of that name, or one whose files cannot be used; the message says which.
    BAD_MODEL_PATH = 41, "no such model, or its files cannot be used";
    /// The device has no memory left for what the model must have there before its weights: graphs on a
    /// GPU. Ours.
    DEVICE_MEMORY = 43, "no device memory left to prepare the model";
    /// The network could not send the action before its send-by time.
    SEND_LATE = 45, "network send too late";
    /// LOAD before its window.
    LOAD_EARLY = 50, "load too early";
    /// LOAD past its window.
    LOAD_LATE = 51, "load too late";
    /// LOAD of a model that the worker does not know.
    LOAD_UNKNOWN_MODEL = 52, "load of an unknown model";
    /// Not enough free weights pages.
    INSUFFICIENT_CACHE = 53, "insufficient weights cache";
    /// Another action changed the weights meanwhile.
    CONCURRENT_MODIFICATION = 54, "weights changed during load";
    /// EVICT before its window.
    EVICT_EARLY = 60, "evict too early";
    /// EVICT past its window.
    EVICT_LATE = 61, "evict too late";
    /// EVICT of a model that the worker does not know.
    EVICT_UNKNOWN_MODEL = 62, "evict of an unknown model";
    /// EVICT of weights that are not there.
    EVICT_ABSENT = 63, "evict of absent weights";
    /// The input copy could not start: too early.
    INPUT_EARLY = 70, "input copy too early";
    /// The input copy could not start: too late.
    INPUT_LATE = 71, "input copy too late";
    /// INFER of a model that the worker does not know.
    INFER_UNKNOWN_MODEL = 72, "infer of an unknown model";
    /// INFER with a batch size that the model does not have.
    BAD_BATCH_SIZE = 73, "batch size not supported";
    /// Host memory for the input is exhausted.
    HOST_MEMORY = 74, "host io pool exhausted";
    /// The input has the wrong number of bytes.
    BAD_INPUT_SIZE = 75, "wrong input size";
    /// The device's io pool is exhausted.
    IO_POOL = 76, "io pool exhausted";
    /// The list of compressed sizes does not fit the body.
    BAD_COMPRESSED_SIZES = 77, "bad compressed sizes";
    /// A compressed input does not decompress to the model's input size.
    BAD_COMPRESSED_INPUT = 78, "input does not decompress to the model's input size";
    /// Execution before its window.
    EXEC_EARLY = 80, "exec too early";
    /// Execution past its window.
    EXEC_LATE = 81, "exec too late";
    /// The weights are not on the device.
    WEIGHTS_MISSING = 82, "weights missing";
    /// The workspace pool is exhausted.
    WORKSPACE = 83, "workspace exhausted";
    /// The weights changed during execution.
    WEIGHTS_CHANGED = 84, "weights changed during exec";
    /// The output copy could not start: too early.
    OUTPUT_EARLY = 90, "output copy too early";
    /// The output copy could not start: too late.
    OUTPUT_LATE = 91, "output copy too late";
    /// Host memory for the output is exhausted.
    OUTPUT_MEMORY = 92, "output memory exhausted";
}

impl Status {
    /// The status with this number, known or not.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether it is [`Status::OK`].
    pub const fn is_ok(self) -> bool {
        self.0 == Self::OK.0
    }

    /// Whether there is an output: in time or late.
    pub const fn has_output(self) -> bool {
        self.is_ok() || self.0 == Self::LATE.0
    }
}

/// Prints number and words: `81 (exec too late)`.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0, self.text())
    }
}
