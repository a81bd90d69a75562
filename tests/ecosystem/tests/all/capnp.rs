//! capnp-rpc (Cap'n Proto): unchanged, as its futures need not be `Send` either. What its compiler would make of an
//! interface is written by hand here.

use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;
use std::time::Duration;

use capnp::any_pointer::Owned as Anything;
use capnp::capability::{
    self, DispatchCallResult, FromClientHook, FromServer, Params, Promise, Results,
};
use capnp::private::capability::ClientHook;
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{RpcSystem, twoparty};
use futures_util::AsyncReadExt;
use polliwog::net::TcpStream;
use polliwog::spawn;
use polliwog::time::sleep;

use crate::{pair, run};

/// Who answers, and how many calls are under way, now and at most.
#[derive(Default)]
struct Frog {
    now: Cell<u32>,
    most: Cell<u32>,
}

#[derive(Clone)]
struct Dispatch(Rc<Frog>);

impl Deref for Dispatch {
    type Target = Frog;

    fn deref(&self) -> &Frog {
        &self.0
    }
}

impl capability::Server for Dispatch {
    fn dispatch_call(
        self,
        _: u64,
        method: u16,
        params: Params<Anything>,
        mut results: Results<Anything>,
    ) -> DispatchCallResult {
        let answer = async move {
            self.now.set(self.now.get() + 1);
            self.most.set(self.most.get().max(self.now.get()));
            let said = params.get()?.get_as::<capnp::text::Reader<'_>>()?;
            sleep(Duration::from_millis(2)).await;
            self.now.set(self.now.get() - 1);
            if method == 7 {
                return Err(capnp::Error::failed("there is no seventh".into()));
            }
            let answer = format!("{} {method}", said.to_str()?);
            results.get().set_as(&*answer)
        };
        DispatchCallResult::new(Promise::from_future(answer), false)
    }

    fn as_ptr(&self) -> usize {
        Rc::as_ptr(&self.0) as usize
    }
}

struct Client(Box<dyn ClientHook>);

impl FromClientHook for Client {
    fn new(hook: Box<dyn ClientHook>) -> Self {
        Client(hook)
    }

    fn into_client_hook(self) -> Box<dyn ClientHook> {
        self.0
    }

    fn as_client_hook(&self) -> &dyn ClientHook {
        &*self.0
    }
}

impl FromServer<Frog> for Client {
    type Dispatch = Dispatch;

    fn from_server(frog: Rc<Frog>) -> Dispatch {
        Dispatch(frog)
    }
}

fn system(stream: TcpStream, side: Side, frog: Option<Client>) -> RpcSystem<Side> {
    let (reader, writer) = AsyncReadExt::split(stream);
    let network = twoparty::VatNetwork::new(reader, writer, side, Default::default());
    let frog = frog.map(|client| capability::Client::new(client.0));
    RpcSystem::new(Box::new(network), frog)
}

#[test]
fn many_calls_at_once_to_an_object_at_the_other_end() {
    run(async {
        let (near, far) = pair().await;
        let frog = Rc::new(Frog::default());
        let client = capnp_rpc::new_client_from_rc(Rc::clone(&frog));
        let server = spawn(system(far, Side::Server, Some(client))).unwrap();
        let mut system = system(near, Side::Client, None);
        let client: Client = system.bootstrap(Side::Server);
        let disconnector = system.get_disconnector();
        let driver = spawn(system).unwrap();
        let calls = (0..20_u16).map(|method| {
            let mut call = client.0.new_call(1, method, None);
            call.get().set_as("quak").unwrap();
            async move {
                let answer = call.send().promise.await?;
                let text = answer.get()?.get_as::<capnp::text::Reader<'_>>()?;
                Ok::<_, capnp::Error>(text.to_string()?)
            }
        });
        let answers = futures_util::future::join_all(calls).await;
        for (method, answer) in answers.into_iter().enumerate() {
            match answer {
                Ok(answer) => assert_eq!(answer, format!("quak {method}")),
                Err(error) => assert!(
                    method == 7 && error.to_string().contains("seventh"),
                    "{error}"
                ),
            }
        }
        assert_eq!((frog.now.get(), frog.most.get()), (0, 20));
        drop(client);
        disconnector.await.unwrap();
        driver.await.unwrap().unwrap();
        server.await.unwrap().unwrap();
    });
}
