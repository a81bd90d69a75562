//! [`Endpoint`]: messages and calls without a wire format.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::rc::Rc;
use core::fmt;
use core::marker::PhantomData;
use core::net::SocketAddr;
use core::task::{Context, Poll};

use polliwog_core::sources::{Direction, Operation, Readiness, Waited, WaiterId, Wakeups};
use polliwog_core::task::consume_budget;

use super::ambient::current;
use super::letter::{Asked, Letter};
use super::net::SimSocket;
use super::trace::What;
use super::udp::{Socket, receiver};
use super::world::{HostId, State};
use crate::Error;
use crate::net::ToSocketAddrs;

/// What has come to an endpoint.
#[derive(Default)]
pub(crate) struct Mail {
    queue: VecDeque<(SocketAddr, Letter)>,
    /// The calls that somebody waits for, with their answers.
    calls: BTreeMap<u64, Option<Letter>>,
}

impl Mail {
    fn take<T: 'static>(&mut self) -> Option<(SocketAddr, Letter)> {
        let at = self.queue.iter().position(|(_, letter)| letter.is::<T>())?;
        self.queue.remove(at)
    }
}

/// A message is there.
pub(crate) fn arrive(
    state: &mut State,
    message: u64,
    (host, to): (HostId, SocketAddr),
    from: SocketAddr,
    letter: Letter,
) -> Wakeups {
    let endpoint = receiver(state, (host, to), from, true)
        .and_then(|socket| Some((socket.mail.as_mut()?, socket.receives, &socket.waiters)));
    let why = match endpoint {
        None => "nobody listens there",
        Some((mail, receives, waiters)) => match letter.answers() {
            Some(number) => match mail.calls.get_mut(&number) {
                Some(answer @ None) => {
                    *answer = Some(letter);
                    return waiters.take(Readiness::READABLE);
                }
                _ => "nobody waits for this answer",
            },
            None if mail.queue.len() < receives => {
                mail.queue.push_back((from, letter));
                // Each waits for a type of its own.
                return waiters.take(Readiness::READABLE);
            }
            None => "the socket's buffer is full",
        },
    };
    state.record(Some(host), &[message, 3], |_| What::Lost { message, why });
    Wakeups::default()
}

/// What an [`Endpoint`] is called with.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::sim::Request;
///
/// #[derive(Clone)]
/// struct Get {
///     key: String,
/// }
///
/// impl Request for Get {
///     type Response = Option<String>;
/// }
/// ```
pub trait Request: Clone + 'static {
    /// What it is answered with.
    type Response: Clone + 'static;
}

/// Messages between simulated hosts that are Rust values, of any types, and calls that are answered: for a protocol whose wire
/// format is not decided yet, or is not what a test is about.
///
/// They travel as the datagrams of a [`UdpSocket`](crate::net::UdpSocket) do: latency, loss, duplication, partitions,
/// holds and crashes are the same, and so are ports, of which an endpoint takes one. But an endpoint hears endpoints only, and
/// sockets hear none. On a link with a bandwidth a value counts as a datagram without bytes, and a
/// [buffer](super::Builder::datagram_buffer) has room for as many values as bytes.
///
/// A message that is lost is silence, for a call, too: callers put a [`timeout`](polliwog_core::time::timeout) around, and may
/// call again. A request that comes twice is answered twice, and the caller gets the first answer.
///
/// A value is moved, not encoded. What it shares (an `Rc` in it) both hosts share, and a message that comes twice is a clone, made
/// on the host that receives it. What nobody receives is dropped on no host.
///
/// Clones are the same endpoint. The port is free when the last of them, of its calls and of its [`Reply`]s is gone.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::sim::{Endpoint, Request, Simulation};
/// use polliwog::time::timeout;
/// use std::time::Duration;
///
/// #[derive(Clone)]
/// struct Add(u64, u64);
///
/// impl Request for Add {
///     type Response = u64;
/// }
///
/// let mut simulation = Simulation::new(7);
/// simulation.host("server", || async {
///     let endpoint = Endpoint::bind("0.0.0.0:7").await?;
///     endpoint.serve(async |Add(a, b), _from| a + b).await
/// });
/// simulation.client("client", async {
///     let endpoint = Endpoint::bind("0.0.0.0:0").await?;
///     let call = endpoint.call("server:7", Add(3, 4));
///     assert_eq!(timeout(Duration::from_secs(1), call).await, Ok(Ok(7)));
///     Ok::<(), polliwog::Error>(())
/// });
/// simulation.run().unwrap();
/// ```
#[derive(Clone)]
pub struct Endpoint {
    socket: Rc<SimSocket>,
}

impl Endpoint {
    /// Binds to an address of the host. Port 0 means a free one.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Endpoint;
    /// # let mut simulation = polliwog::sim::Simulation::new(7);
    /// # simulation.client("frog", async {
    ///
    /// let endpoint = Endpoint::bind("0.0.0.0:7").await?;
    /// assert_eq!(endpoint.local_addr()?.port(), 7);
    /// # Ok::<(), polliwog::Error>(())
    /// # });
    /// # simulation.run().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] outside of a simulation; [`Error::AddrInUse`], by a UDP socket, too;
    /// [`Error::AddrNotAvailable`] for an address of another host, and if no port is free; [`Error::InvalidAddress`] and
    /// [`Error::NameNotFound`] for text.
    ///
    /// # Cancel safety
    ///
    /// It never waits.
    pub async fn bind(addr: impl ToSocketAddrs) -> Result<Self, Error> {
        let addr = addr.to_socket_addr()?;
        let net = current().ok_or(Error::Unsupported)?;
        let socket = net.bind_udp(addr)?;
        socket.with(|socket| {
            socket.mail = Some(Box::default());
            Ok(())
        })?;
        Ok(Self {
            socket: Rc::new(socket),
        })
    }

    /// Returns the address that the endpoint is bound to.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] once the host has crashed.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        self.socket.with(|socket| Ok(socket.local))
    }

    /// Sends a message. That it was sent does not mean that it arrives.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Endpoint;
    /// # let mut simulation = polliwog::sim::Simulation::new(7);
    /// # simulation.client("frog", async {
    ///
    /// let endpoint = Endpoint::bind("0.0.0.0:7").await?;
    /// endpoint.send_to("frog:7", vec!["quak", "croak"]).await?; // to itself
    /// endpoint.send_to("frog:7", 7_u32).await?;
    /// assert_eq!(endpoint.recv_from::<u32>().await?.0, 7);
    /// assert_eq!(endpoint.recv_from::<Vec<&str>>().await?.0, ["quak", "croak"]);
    /// # Ok::<(), polliwog::Error>(())
    /// # });
    /// # simulation.run().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] for port 0 and the other family; [`Error::PermissionDenied`] for the broadcast address; as for
    /// text in [`bind`](Self::bind); [`Error::NotConnected`] once the host has crashed.
    ///
    /// # Cancel safety
    ///
    /// It never waits, but for the task's budget, before anything is sent.
    pub async fn send_to<T: Clone + 'static>(
        &self,
        addr: impl ToSocketAddrs,
        message: T,
    ) -> Result<(), Error> {
        let addr = addr.to_socket_addr()?;
        consume_budget().await;
        let letter = Letter::value(message, &self.socket.world().waste);
        self.socket.send_letter(letter, addr)
    }

    /// Waits for a message of this type; returns it, and where it comes from. Those of other types stay for others.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] once the host has crashed.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, it has taken no message.
    pub async fn recv_from<T: Clone + 'static>(&self) -> Result<(T, SocketAddr), Error> {
        let (from, letter) = self.wait(Mail::take::<T>).await?;
        Ok((opened(letter), from))
    }

    /// Asks an endpoint, and waits for its answer: for ever, if the request or the answer gets lost, or if nobody is there.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::{Endpoint, Request};
    /// use polliwog::time::timeout;
    /// use std::time::Duration;
    ///
    /// #[derive(Clone)]
    /// struct Ping;
    ///
    /// impl Request for Ping {
    ///     type Response = ();
    /// }
    ///
    /// async fn is_there(endpoint: &Endpoint, server: &str) -> bool {
    ///     let call = endpoint.call(server, Ping);
    ///     matches!(timeout(Duration::from_secs(1), call).await, Ok(Ok(())))
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, it may have sent the request. The answer is lost.
    pub async fn call<R: Request>(
        &self,
        addr: impl ToSocketAddrs,
        request: R,
    ) -> Result<R::Response, Error> {
        let addr = addr.to_socket_addr()?;
        consume_budget().await;
        let call = OpenCall::new(&self.socket)?;
        let number = call.number;
        let letter = Letter::call(number, request, &self.socket.world().waste);
        self.socket.send_letter(letter, addr)?;
        let answer = |mail: &mut Mail| mail.calls.get_mut(&number)?.take();
        let letter = self.wait(answer).await?;
        Ok(opened(letter))
    }

    /// Waits for a request of this type, which is to be answered by the [`Reply`].
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::{Endpoint, Request};
    /// use polliwog::time::sleep;
    /// use std::time::Duration;
    ///
    /// #[derive(Clone)]
    /// struct Sleep(Duration);
    ///
    /// impl Request for Sleep {
    ///     type Response = ();
    /// }
    ///
    /// // All at once, each in a task of its own.
    /// async fn serve() -> Result<(), polliwog::Error> {
    ///     let endpoint = Endpoint::bind("0.0.0.0:7").await?;
    ///     loop {
    ///         let (request, reply) = endpoint.recv_call::<Sleep>().await?;
    ///         let answer = async move {
    ///             sleep(request.0).await;
    ///             reply.send(())
    ///         };
    ///         polliwog::spawn(answer).unwrap().detach();
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Cancel safety
    ///
    /// As [`recv_from`](Self::recv_from).
    pub async fn recv_call<R: Request>(&self) -> Result<(R, Reply<R>), Error> {
        let (to, letter) = self.wait(Mail::take::<Asked<R>>).await?;
        let Asked { number, request } = opened(letter);
        let reply = Reply {
            endpoint: self.clone(),
            to,
            number,
            request: PhantomData,
        };
        Ok((request, reply))
    }

    /// Answers requests of a type with what `handler` returns, one after the other, for as long as nothing fails. It is told
    /// where the request comes from.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Cancel safety
    ///
    /// Dropped while `handler` works, it leaves that request without an answer.
    pub async fn serve<R: Request>(
        &self,
        mut handler: impl AsyncFnMut(R, SocketAddr) -> R::Response,
    ) -> Result<(), Error> {
        loop {
            let (request, reply) = self.recv_call::<R>().await?;
            let response = handler(request, reply.to).await;
            reply.send(response)?;
        }
    }

    async fn wait<T>(&self, take: impl Fn(&mut Mail) -> Option<T>) -> Result<T, Error> {
        Operation::read(self, |endpoint: &Self, cx, id| {
            endpoint.poll_take(id, cx, &take)
        })
        .await
    }

    fn poll_take<T>(
        &self,
        id: WaiterId,
        cx: &mut Context<'_>,
        take: impl Fn(&mut Mail) -> Option<T>,
    ) -> Poll<Result<T, Error>> {
        let attempt = |socket: &mut Socket| {
            let mail = socket.mail.as_deref_mut().ok_or(Error::NotConnected)?;
            take(mail).ok_or(Error::WouldBlock)
        };
        self.socket.poll((id, Direction::Read), cx, attempt, |_| 0)
    }
}

/// The value of a letter that was found by its type.
fn opened<T: Clone + 'static>(letter: Letter) -> T {
    match letter.open() {
        Some(value) => value,
        None => unreachable!("an answer is of the type that its request asks for"),
    }
}

impl Waited for Endpoint {
    fn forget(&self, direction: Direction, id: WaiterId) {
        self.socket.forget(direction, id);
    }

    fn waits(&self, direction: Direction, id: WaiterId) -> bool {
        self.socket.waits(direction, id)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Endpoint");
        if let Ok(local) = self.local_addr() {
            out.field("local", &local);
        }
        out.finish()
    }
}

/// A call whose caller waits.
struct OpenCall<'a> {
    socket: &'a SimSocket,
    number: u64,
}

impl<'a> OpenCall<'a> {
    fn new(socket: &'a SimSocket) -> Result<Self, Error> {
        // Of no other call of this run, or a server that is slow would answer the next caller at this port.
        let number = socket.world().with(|state| {
            state.calls += 1;
            state.calls
        });
        socket.with(|socket| {
            let mail = socket.mail.as_mut().ok_or(Error::NotConnected)?;
            mail.calls.insert(number, None);
            Ok(())
        })?;
        Ok(Self { socket, number })
    }
}

impl Drop for OpenCall<'_> {
    fn drop(&mut self) {
        // A host that has crashed has none.
        let _ = self.socket.with(|socket| {
            let mail = socket.mail.as_mut().ok_or(Error::NotConnected)?;
            mail.calls.remove(&self.number);
            Ok(())
        });
    }
}

/// Answers a request, once: see [`Endpoint::recv_call`].
///
/// One that is dropped leaves the caller without an answer.
#[must_use = "a request whose reply is dropped is not answered"]
pub struct Reply<R> {
    endpoint: Endpoint,
    to: SocketAddr,
    number: u64,
    request: PhantomData<fn(R)>,
}

impl<R: Request> Reply<R> {
    /// Sends the answer. That it was sent does not mean that it arrives.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] once the host has crashed.
    pub fn send(self, response: R::Response) -> Result<(), Error> {
        let socket = &self.endpoint.socket;
        let letter = Letter::answer(self.number, response, &socket.world().waste);
        socket.send_letter(letter, self.to)
    }
}

impl<R> Reply<R> {
    /// Where the request comes from, and the answer goes to.
    pub fn to(&self) -> SocketAddr {
        self.to
    }
}

impl<R> fmt::Debug for Reply<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}
