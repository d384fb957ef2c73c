//! A worker on a thread of its own, and a controller that does what the test says.

use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use clockwork_config::Config;
use clockwork_executor::zoo::Catalogue;
use clockwork_runtime::net::{
    Batch, Command, ControllerSide, Event, HandshakeError, Hub, LinkId, Report, Settings, hello,
};
use clockwork_runtime::rt::{self, TurnBell};
use clockwork_runtime::shutdown::Shutdown;
use clockwork_runtime::worker::{self, DeviceFactory, WorkerError};
use clockwork_wire::{Hello, Payload, Role, SessionId, Span};

/// Runs a test on a core; one that hangs fails.
pub(crate) fn on_core(test: impl Future<Output = ()>) {
    let deadline = async {
        rt::sleep(Span::from_secs(30)).await;
        panic!("the test hangs");
    };
    rt::run(&rt::Options::default(), futures_lite::future::or(test, deadline)).unwrap();
}

/// A worker with one device.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    shutdown: Shutdown,
    printed: Printed,
    thread: JoinHandle<Result<(), WorkerError>>,
}

/// What the worker printed.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Served {
    /// With an emulated device and the emulated zoo.
    pub(crate) fn start() -> Self {
        let config = Config::default();
        let devices = worker::emulated(&config.executor, 1);
        Self::with(config, devices, Catalogue::new(Vec::new(), true))
    }

    /// With the processor as its device and the model that is compiled in.
    pub(crate) fn on_cpu() -> Self {
        let mut config = Config::default();
        let memory = &mut config.executor;
        memory.weights_cache_size = 64 << 20;
        (memory.io_pool_size, memory.workspace_pool_size) = (16 << 20, 16 << 20);
        let devices = worker::cpu(&config);
        Self::with(config, devices, Catalogue::new(Vec::new(), false).with_compiled())
    }

    fn with(config: Config, devices: DeviceFactory, catalogue: Catalogue) -> Self {
        let listener = rt::listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let (shutdown, printed) = (Shutdown::new(), Printed::default());
        let options = worker::Options {
            devices,
            config,
            listener,
            catalogue,
            console: Box::new(printed.clone()),
        };
        let wish = shutdown.clone();
        let thread = thread::spawn(move || worker::run(options, &wish));
        Self { address, shutdown, printed, thread }
    }

    pub(crate) fn ask_to_stop(self) -> JoinHandle<Result<(), WorkerError>> {
        self.shutdown.trigger();
        self.thread
    }

    /// Stops the worker; gives what it printed.
    pub(crate) fn stop(self) -> String {
        let printed = self.printed.clone();
        self.ask_to_stop().join().unwrap().unwrap();
        let printed = printed.0.lock().unwrap().clone();
        String::from_utf8(printed).unwrap()
    }
}

/// A controller whose link is up.
#[derive(Debug)]
pub(crate) struct Controller {
    hub: Hub<ControllerSide>,
    bell: TurnBell,
    link: LinkId,
}

impl Controller {
    /// Dials as a new session of epoch 1.
    pub(crate) async fn dial(address: SocketAddr, session: u64) -> Result<Self, HandshakeError> {
        Self::dial_as(address, session, 0).await
    }

    /// Dials again in a session, until the worker has noticed that the old link is gone.
    pub(crate) async fn resume(address: SocketAddr, session: u64, last_applied: u32) -> Self {
        Self::dial_as(address, session, last_applied).await.unwrap()
    }

    async fn dial_as(
        address: SocketAddr,
        session: u64,
        last_applied: u32,
    ) -> Result<Self, HandshakeError> {
        let bell = TurnBell::new();
        let hub = Hub::new(bell.local(), Settings::default());
        let session = SessionId::new(session);
        let ours = Hello { session, epoch: 1, last_applied, ..hello(Role::Controller) };
        let link = hub.dial(address, ours).await?;
        let controller = Self { hub, bell, link };
        while !matches!(controller.next().await, Event::Up { .. }) {}
        Ok(controller)
    }

    pub(crate) fn say(&self, command: Command<Batch>) {
        self.hub.send(self.link, command).expect("the link is up");
        self.hub.flush();
    }

    async fn next(&self) -> Event<Report<Payload>> {
        loop {
            if let Some(event) = self.hub.next() {
                return event;
            }
            self.bell.wait(None).await;
        }
    }

    pub(crate) async fn hear(&self) -> Report<Payload> {
        loop {
            match self.next().await {
                Event::Heard { message, .. } => return message,
                Event::Down { reason, .. } => panic!("the link is gone: {reason}"),
                Event::Up { .. } | Event::Dropped { .. } => {}
            }
        }
    }

    /// In words, why the link goes down.
    pub(crate) async fn down(&self) -> String {
        loop {
            if let Event::Down { reason, .. } = self.next().await {
                return reason.to_string();
            }
        }
    }

    /// Breaks the connection; gives the last frame that was taken in.
    pub(crate) async fn break_off(self) -> u32 {
        self.hub.close(self.link, "the test breaks it");
        loop {
            if let Event::Down { last_applied, .. } = self.next().await {
                return last_applied;
            }
        }
    }

    pub(crate) async fn leave(self) {
        self.hub.shutdown(Span::from_secs(1)).await;
    }
}
