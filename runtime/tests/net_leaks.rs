//! Connections that come and go leave nothing behind. Alone in its process, because it counts the
//! process's descriptors.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs;

use clockwork_runtime::net::{ClientSide, Event, Hub, ServiceSide, Settings, hello};
use clockwork_runtime::rt::{self, Listener, Options, TurnBell};
use clockwork_wire::{Hello, Role, SessionId, Span};

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Waits for the next link to go up or down.
async fn next<H>(bell: &TurnBell, mut event: impl FnMut() -> Option<Event<H>>) {
    loop {
        match event() {
            Some(Event::Up { .. } | Event::Down { .. }) => return,
            Some(_) => {}
            None => bell.wait(None).await,
        }
    }
}

#[test]
fn two_hundred_links_come_and_go_and_no_descriptor_stays() {
    rt::run(&Options::default(), async {
        let bell = TurnBell::new();
        let service = Hub::<ServiceSide>::new(bell.local(), Settings::default());
        let listener = rt::listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = Listener::adopt(listener).unwrap();
        let address = listener.address();
        let accepting = service.accept(listener, |_, _| Ok(hello(Role::Controller)));
        let mut descriptors = Vec::new();
        for session in 0..200 {
            let client_bell = TurnBell::new();
            let client = Hub::<ClientSide>::new(client_bell.local(), Settings::default());
            let session = Hello { session: SessionId::new(session), ..hello(Role::Client) };
            client.dial(address, session).await.unwrap();
            next(&client_bell, || client.next()).await;
            next(&bell, || service.next()).await;
            client.shutdown(Span::from_secs(1)).await;
            next(&bell, || service.next()).await;
            descriptors.push(open_descriptors());
        }
        let (early, late) = (descriptors[20], descriptors[199]);
        assert!(late <= early + 2, "{early} descriptors grew to {late}");
        accepting.cancel().await;
        service.shutdown(Span::from_secs(1)).await;
    })
    .unwrap();
}
