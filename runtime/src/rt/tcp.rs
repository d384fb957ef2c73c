//! TCP: listeners and streams of a core.

#![expect(unsafe_code, reason = "the library takes listeners and streams as raw descriptors only")]

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use std::{fmt, mem, thread};

use clockwork_wire::Span;
use futures_lite::io::{AsyncRead, AsyncWrite};
use glommio::GlommioError;

use super::spinner::{self, Need, Watch};
use crate::clock;

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another process has the port.
    #[error(
        "port {} is in use on {}: stop the process that has it, or choose another port with \
         `--port` (0 lets the kernel choose)", .0.port(), .0.ip()
    )]
    InUse(SocketAddr),
    /// A port below 1024 needs a privilege.
    #[error("port {} needs a privilege that this process lacks: choose one above 1023", .0.port())]
    Forbidden(SocketAddr),
    /// Anything else, such as an address that this machine does not have.
    #[error("cannot listen on {address}")]
    Other {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// Opens a listener; port 0 takes a free one. Any thread may do so, and hand it to a core. A port that
/// is taken is tried again for a second: the kernel releases the sockets of a process that was killed
/// a moment after it is gone, because its I/O rings still hold them.
///
/// # Errors
/// If the port is taken, forbidden, or the address is not this machine's.
pub fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    let mut attempts = LISTEN_ATTEMPTS;
    loop {
        attempts -= 1;
        match TcpListener::bind(address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && attempts > 0 => {
                thread::sleep(LISTEN_PAUSE);
            }
            bound => return bound.map_err(|source| refused(address, source)),
        }
    }
}

fn refused(address: SocketAddr, source: io::Error) -> ListenError {
    if source.kind() == io::ErrorKind::AddrInUse {
        ListenError::InUse(address)
    } else if source.kind() == io::ErrorKind::PermissionDenied {
        ListenError::Forbidden(address)
    } else {
        ListenError::Other { address, source }
    }
}

const LISTEN_ATTEMPTS: u32 = 20;
const LISTEN_PAUSE: Duration = Duration::from_millis(50);

/// A listener whose core accepts.
pub struct Listener {
    inner: glommio::net::TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Takes a listener to the calling core.
    ///
    /// # Errors
    /// If the listener does not know its address any longer.
    ///
    /// # Panics
    /// If the caller is not on a core.
    pub fn adopt(listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        spinner::watch_door(listener.as_fd());
        // SAFETY: the descriptor is open and owned, and its ownership moves.
        let inner = unsafe { glommio::net::TcpListener::from_raw_fd(listener.into_raw_fd()) };
        Ok(Self { inner, address })
    }

    /// The address, with the port that was chosen.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for a connection. Any core may adopt it.
    ///
    /// # Errors
    /// If the process is out of descriptors, or the peer left at once: wait a moment, go on.
    pub async fn accept(&self) -> io::Result<TcpStream> {
        let accepted = self.inner.accept().await.map_err(io_error)?;
        // SAFETY: `accepted` lives until the end of this function and keeps the descriptor open.
        let fd = unsafe { BorrowedFd::borrow_raw(accepted.as_raw_fd()) };
        fd.try_clone_to_owned().map(TcpStream::from)
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listener({})", self.address)
    }
}

/// Connects to a resolved address.
///
/// # Errors
/// If nobody listens there, or nobody answers within `timeout`.
pub async fn connect(address: SocketAddr, timeout: Span) -> io::Result<Stream> {
    let timeout = clock::duration(timeout.max(Span::from_millis(1)));
    let _need = Need::new();
    let stream = glommio::net::TcpStream::connect_timeout(address, timeout);
    Stream::new(stream.await.map_err(io_error)?)
}

/// A connection of this core. Clones are the same connection: one task may read while another
/// writes. It closes when the last clone is dropped.
#[derive(Clone)]
pub struct Stream(Rc<Inner>);

struct Inner {
    stream: RefCell<glommio::net::TcpStream>,
    /// On a core that listens to its sockets itself.
    watch: Option<Watch>,
    /// While a writer waits for room.
    full: RefCell<Option<Need>>,
    peer: SocketAddr,
    local: SocketAddr,
}

impl Inner {
    /// Sends what fits into the kernel's buffer, without waiting and without a signal.
    fn send(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        // SAFETY: all fields are numbers and pointers, for which zero means "none".
        let mut message: libc::msghdr = unsafe { mem::zeroed() };
        message.msg_iov = slices.as_ptr().cast_mut().cast();
        message.msg_iovlen = slices.len();
        let fd = self.stream.borrow().as_raw_fd();
        // SAFETY: the descriptor is open as long as the stream is; the slices, which have the layout
        // of the system's own, are only read, and not after the call.
        let sent = unsafe { libc::sendmsg(fd, &raw const message, SEND_FLAGS) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }

    /// Takes what is there, without waiting.
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let fd = self.stream.borrow().as_raw_fd();
        let place = buffer.as_mut_ptr().cast();
        // SAFETY: the descriptor is open as long as the stream is, and the kernel writes at most
        // `buffer.len()` bytes to the buffer, which is borrowed for the time of the call.
        let received = unsafe { libc::recv(fd, place, buffer.len(), libc::MSG_DONTWAIT) };
        usize::try_from(received).map_err(|_| io::Error::last_os_error())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(watch) = self.watch.take() {
            let stream = self.stream.borrow();
            // SAFETY: the descriptor is open for as long as `stream` is borrowed.
            watch.end(unsafe { BorrowedFd::borrow_raw(stream.as_raw_fd()) });
        }
    }
}

/// Neither wait nor signal.
const SEND_FLAGS: libc::c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

impl Stream {
    /// Takes an accepted connection to the calling core. Small frames are sent at once from here
    /// on.
    ///
    /// # Errors
    /// If the peer is gone already.
    ///
    /// # Panics
    /// If the caller is not on a core.
    pub fn adopt(stream: TcpStream) -> io::Result<Self> {
        // SAFETY: the descriptor is open and owned, and its ownership moves.
        Self::new(unsafe { glommio::net::TcpStream::from_raw_fd(stream.into_raw_fd()) })
    }

    /// The same connection for another core to adopt. This core must read and write no more of it,
    /// and drop what it has.
    ///
    /// # Errors
    /// If the process is out of descriptors.
    pub fn release(&self) -> io::Result<TcpStream> {
        let stream = self.0.stream.borrow();
        // SAFETY: the descriptor is open for as long as `stream` is borrowed.
        let fd = unsafe { BorrowedFd::borrow_raw(stream.as_raw_fd()) };
        fd.try_clone_to_owned().map(TcpStream::from)
    }

    fn new(stream: glommio::net::TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true).map_err(io_error)?;
        let peer = stream.peer_addr().map_err(io_error)?;
        let local = stream.local_addr().map_err(io_error)?;
        // SAFETY: the descriptor is open for as long as `stream` lives, which is borrowed.
        let watch = Watch::new(unsafe { BorrowedFd::borrow_raw(stream.as_raw_fd()) });
        Ok(Self(Rc::new(Inner {
            stream: RefCell::new(stream),
            watch,
            full: RefCell::default(),
            peer,
            local,
        })))
    }

    /// The peer's address.
    pub fn peer(&self) -> SocketAddr {
        self.0.peer
    }

    /// Our own address.
    pub fn local(&self) -> SocketAddr {
        self.0.local
    }

    /// Reads what is there, at most `buffer`; 0 means that the peer has closed.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if there is nothing, or if the connection broke.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.receive(buffer)
    }

    /// Reads what is there, at most `buffer`; 0 means that the peer has closed. Waits for it.
    ///
    /// # Errors
    /// If the connection broke.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| match self.0.receive(buffer) {
            // The library's own read is refused likewise, and knows how to wait. While reads succeed it
            // is not asked: it would have the kernel report what comes next, and that wakes the core.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if self.0.watch.as_ref().is_some_and(|watch| watch.wait(cx)) {
                    return Poll::Pending;
                }
                Pin::new(&mut *self.0.stream.borrow_mut()).poll_read(cx, buffer)
            }
            received => Poll::Ready(received),
        })
        .await
    }

    /// Fills `buffer`.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] if the peer closes before, or if the connection broke.
    pub async fn read_exact(&self, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            let n = self.read(buffer).await?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            buffer = &mut buffer[n..];
        }
        Ok(())
    }

    /// Writes what fits into the kernel's buffer now; wakes `cx` when more fits. One task may
    /// write at a time.
    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut *self.0.stream.borrow_mut()).poll_write(cx, bytes);
        let full = &mut *self.0.full.borrow_mut();
        if written.is_ready() {
            *full = None;
        } else {
            full.get_or_insert_with(Need::new);
        }
        written
    }

    /// [`Stream::poll_write`] from several places in one system call.
    pub fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [slice] = slices {
            return self.poll_write(cx, slice);
        }
        match self.0.send(slices) {
            // The library's own write is refused likewise, and knows how to wait.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.poll_write(cx, slices.first().map_or(&[], |slice| slice))
            }
            sent => {
                self.0.full.take();
                Poll::Ready(sent)
            }
        }
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// If the connection broke.
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let n = poll_fn(|cx| self.poll_write(cx, bytes)).await?;
            if n == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = &bytes[n..];
        }
        Ok(())
    }

    /// Ends the connection in both directions: a reader on either side sees its end.
    pub fn shutdown(&self) {
        let stream = self.0.stream.borrow();
        let ended = pin!(stream.shutdown(Shutdown::Both));
        // It is a plain system call behind a future, ready at the first poll. It fails if the peer
        // was faster; then there is nothing left to end.
        let _ = ended.poll(&mut Context::from_waker(Waker::noop()));
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({})", self.0.peer)
    }
}

fn io_error(error: GlommioError<()>) -> io::Error {
    error.into()
}
