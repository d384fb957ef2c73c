//! Peers that send nonsense, leave, say nothing or read nothing end their own link and no other.

use clockwork_runtime::clock;
use clockwork_runtime::net::{
    Answer, Ask, Body, Dialect, Ear, Event, Parcel, Part, ServiceSide, Settings, hello,
};
use clockwork_runtime::rt::{self, Listener};
use clockwork_wire::codec::{
    ActionsEncoder, BodyId, Chain, DecodeError, FrameKind, Limits, Preamble, RequestsEncoder,
    ResponsesEncoder, body_prefix, stamp,
};
use clockwork_wire::{Hello, LinkKind, Payload, RequestId, Role, SessionId, Span};

use crate::support::{Echo, End, client, infer, on_core, ping, raw_client, read_to_end};

fn session(session: u64) -> Hello {
    Hello { session: SessionId::new(session), ..hello(Role::Client) }
}

/// The echo ends a client that sends `bytes` after hello and ping, for a reason with these words,
/// and still serves another one.
fn ends(bytes: &'static [u8], words: &'static str) {
    on_core(async move {
        let echo = Echo::start(Settings::default());
        let (good, link) = client(echo.address).await;
        let bad = raw_client(echo.address, &session(1)).await;
        bad.write_all(&ping(1)).await.unwrap();
        bad.write_all(bytes).await.unwrap();
        bad.shutdown();
        let end = echo.end().await;
        assert!(end.contains(words), "{end}");
        good.hub.send(link, infer(1, 10)).unwrap();
        assert!(matches!(good.hear().await, Answer::Infer { .. }));
        good.hub.shutdown(Span::from_secs(1)).await;
        echo.stop().await;
    });
}

#[test]
fn garbage_ends_the_link() {
    ends(&[0x55; 64], "the peer sent garbage: magic is [55, 55, 55, 55]");
}

#[test]
fn a_peer_that_vanishes_inside_a_preamble_is_noticed() {
    ends(b"CLKW\x01", "in the middle of a frame, after 5 of at least 32 bytes");
}

#[test]
fn a_peer_that_vanishes_inside_a_body_is_noticed() {
    on_core(async {
        let echo = Echo::start(Settings::default());
        let control = raw_client(echo.address, &session(1)).await;
        control.write_all(&ping(1)).await.unwrap();
        let bulk = Hello { link: LinkKind::Bulk, ..session(1) };
        // The link must be there before its bulk connection.
        let mut greeting = [0; 64];
        control.read(&mut greeting).await.unwrap();
        let bulk = raw_client(echo.address, &bulk).await;
        let prefix = body_prefix(BodyId::Request(RequestId::new(1)), 602_112);
        bulk.write_all(&prefix).await.unwrap();
        bulk.write_all(&[0; 1000]).await.unwrap();
        bulk.shutdown();
        let end = echo.end().await;
        assert!(end.contains("after 1000 of at least 602112 bytes"), "{end}");
        echo.stop().await;
    });
}

#[test]
fn a_frame_that_announces_too_much_ends_the_link_before_anything_is_allocated() {
    on_core(async {
        let echo = Echo::start(Settings::default());
        let peer = raw_client(echo.address, &session(1)).await;
        peer.write_all(&ping(1)).await.unwrap();
        let huge = Preamble::new(FrameKind::Requests, u32::MAX, u32::MAX).encode();
        peer.write_all(&huge).await.unwrap();
        let end = echo.end().await;
        assert!(end.contains("header length 4294967295 exceeds the limit of 4194304"), "{end}");
        echo.stop().await;
    });
}

#[test]
fn frames_that_belong_on_another_link_end_this_one() {
    on_core(async {
        let echo = Echo::start(Settings::default());
        let peer = raw_client(echo.address, &session(1)).await;
        peer.write_all(&ping(1)).await.unwrap();
        let mut frame = Vec::new();
        ActionsEncoder::new().finish(&mut frame);
        stamp(&mut frame, clock::now(), 2, 0);
        peer.write_all(&frame).await.unwrap();
        let end = echo.end().await;
        assert!(end.contains("does not belong on this link"), "{end}");
        echo.stop().await;
    });
}

#[test]
fn a_missing_frame_ends_the_link() {
    on_core(async {
        let echo = Echo::start(Settings::default());
        let peer = raw_client(echo.address, &session(1)).await;
        peer.write_all(&ping(1)).await.unwrap();
        peer.write_all(&ping(3)).await.unwrap();
        let end = echo.end().await;
        assert!(end.contains("frames are missing"), "{end}");
        echo.stop().await;
    });
}

#[test]
fn garbage_instead_of_hello_closes_the_connection_and_nothing_else() {
    on_core(async {
        let echo = Echo::start(Settings::default());
        let (good, link) = client(echo.address).await;
        let stranger = rt::connect(echo.address, Span::from_secs(5)).await.unwrap();
        stranger.write_all(b"GET / HTTP/1.1\r\nHost: example\r\n\r\n").await.unwrap();
        assert!(read_to_end(&stranger).await.is_empty());
        good.hub.send(link, infer(1, 10)).unwrap();
        assert!(matches!(good.hear().await, Answer::Infer { .. }));
        assert!(echo.ends.borrow().is_empty());
        good.hub.shutdown(Span::from_secs(1)).await;
        echo.stop().await;
    });
}

#[test]
fn peers_that_leave_after_hello_are_never_heard_of() {
    on_core(async {
        let echo = Echo::start(Settings::default());
        for number in 0..20 {
            let stranger = raw_client(echo.address, &session(number)).await;
            let mut greeting = [0; 64];
            stranger.read(&mut greeting).await.unwrap();
            stranger.shutdown();
            read_to_end(&stranger).await;
        }
        let (good, link) = client(echo.address).await;
        good.hub.send(link, infer(1, 10)).unwrap();
        assert!(matches!(good.hear().await, Answer::Infer { .. }));
        assert!(echo.ends.borrow().is_empty());
        good.hub.shutdown(Span::from_secs(1)).await;
        echo.stop().await;
    });
}

#[test]
fn a_bulk_connection_without_its_session_is_refused() {
    on_core(async {
        let echo = Echo::start(Settings::default());
        let bulk = Hello { link: LinkKind::Bulk, ..session(99) };
        let stream = raw_client(echo.address, &bulk).await;
        let answer = read_to_end(&stream).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.contains("no control connection of this session"), "{answer}");
        echo.stop().await;
    });
}

#[test]
fn a_silent_peer_is_given_up() {
    on_core(async {
        let settings = Settings {
            ping: Span::from_millis(10),
            silence: Span::from_millis(50),
            ..Settings::default()
        };
        let echo = Echo::start(settings);
        let peer = raw_client(echo.address, &session(1)).await;
        peer.write_all(&ping(1)).await.unwrap();
        let end = echo.end().await;
        assert_eq!(end, "the peer said nothing for 50ms");
        echo.stop().await;
    });
}

#[test]
fn a_peer_that_says_no_hello_in_time_is_closed() {
    on_core(async {
        let settings = Settings { handshake: Span::from_millis(20), ..Settings::default() };
        let echo = Echo::start(settings);
        let peer = rt::connect(echo.address, Span::from_secs(5)).await.unwrap();
        assert!(read_to_end(&peer).await.is_empty());
        echo.stop().await;
    });
}

#[test]
fn a_peer_that_reads_nothing_is_stuck_once_its_outbox_is_full() {
    on_core(async {
        let settings = Settings { outbox_bytes: 1 << 20, ..Settings::default() };
        let echo = Echo::start(settings);
        let peer = raw_client(echo.address, &session(1)).await;
        peer.write_all(&ping(1)).await.unwrap();
        // Requests with answers of 16 KiB each, none of which is read.
        let mut encoder = RequestsEncoder::new();
        let mut sequence = 2;
        while echo.ends.borrow().is_empty() {
            let Ask::Infer { request, input } = infer(1, 16 << 10) else {
                unreachable!("infer makes inferences")
            };
            (0..16).for_each(|_| encoder.infer(&request, &input));
            let mut frame = Vec::new();
            encoder.finish(&mut frame);
            stamp(&mut frame, clock::now(), sequence, 0);
            sequence += 1;
            if peer.write_all(&frame).await.is_err() {
                break;
            }
            rt::yield_now().await;
        }
        let end = echo.end().await;
        assert!(end.contains("does not read what it is sent"), "{end}");
        echo.stop().await;
    });
}

/// A controller's side whose decoder has a bug.
#[derive(Debug)]
struct Buggy;

impl Dialect for Buggy {
    const OURS: Role = Role::Controller;
    const THEIRS: Role = Role::Client;
    const HEARS: FrameKind = FrameKind::Requests;
    type Say = Answer<Part>;
    type Hear = Ask<Payload>;
    type Encoder = ResponsesEncoder;

    fn encode(encoder: &mut ResponsesEncoder, message: Answer<Part>) -> Option<Parcel> {
        ServiceSide::encode(encoder, message)
    }

    fn is_full(encoder: &ResponsesEncoder) -> bool {
        ServiceSide::is_full(encoder)
    }

    fn finish(encoder: &mut ResponsesEncoder, out: &mut Chain) {
        ServiceSide::finish(encoder, out);
    }

    fn decode(_: &[u8], _: &Body, _: &Limits, _: &mut Ear<'_, Self>) -> Result<(), DecodeError> {
        panic!("a bug of ours")
    }

    fn with_body(message: Ask<Payload>, _: Payload) -> Ask<Payload> {
        message
    }
}

#[test]
fn a_panic_in_a_connections_task_ends_that_link_only() {
    on_core(async {
        let end = End::<Buggy>::new(Settings::default());
        let listener = Listener::adopt(rt::listen("127.0.0.1:0".parse().unwrap()).unwrap());
        let listener = listener.unwrap();
        let address = listener.address();
        let accepting = end.hub.accept(listener, |_, _| Ok(hello(Role::Controller)));
        let (bad, bad_link) = client(address).await;
        let (good, good_link) = client(address).await;
        bad.hub.send(bad_link, infer(1, 10)).unwrap();
        bad.hub.flush();
        let reason = loop {
            if let Event::Down { reason, .. } = end.next().await {
                break reason.to_string();
            }
        };
        assert_eq!(reason, "the connection's task panicked: a bug of ours");
        assert!(good.hub.skew(good_link).is_some(), "the other link is still there");
        accepting.cancel().await;
        for hub in [bad.hub, good.hub] {
            hub.shutdown(Span::from_secs(1)).await;
        }
        end.hub.shutdown(Span::from_secs(1)).await;
    });
}
