//! smoke
use polyloop_core::*;
use std::sync::{Arc, Mutex};
use std::time::Duration;

struct Echo;
impl Protocol for Echo {
    fn data_received(&mut self, t: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        t.write(data)?;
        Ok(())
    }
}
struct Client {
    got: Arc<Mutex<Vec<u8>>>,
    log: Arc<Mutex<Vec<String>>>,
}
impl Protocol for Client {
    fn connection_made(&mut self, t: &mut dyn Transport) -> Result<(), Failure> {
        self.log.lock().unwrap().push("made".into());
        t.write(b"hello")?;
        Ok(())
    }
    fn data_received(&mut self, _t: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.got.lock().unwrap().extend_from_slice(data);
        Ok(())
    }
    fn connection_lost(&mut self, r: CloseReason) {
        self.log.lock().unwrap().push(format!("lost {r}"));
    }
}

fn go<L: MainLoop>(lp: L) {
    let log = Arc::new(Mutex::new(vec![]));
    let got = Arc::new(Mutex::new(vec![]));
    let (l2, g2) = (log.clone(), got.clone());
    let lp2 = lp.clone();
    lp.run(async move {
        let server = lp2.serve("127.0.0.1:0", || Echo).await.unwrap();
        let c = lp2
            .connect(server.local_addr(), move || Client {
                got: g2.clone(),
                log: l2.clone(),
            })
            .await
            .unwrap();
        let big = vec![7u8; 3_000_000];
        c.write(big).unwrap();
        loop {
            let n = c.call(|c, _| c.got.lock().unwrap().len()).await.unwrap();
            if n == 3_000_005 {
                break;
            }
            lp2.sleep(Duration::from_millis(1)).await;
        }
        c.close();
        println!("{:?}", c.closed().await);
        println!(
            "{:?}",
            lp2.spawn(async {
                if true {
                    panic!("boo")
                }
            })
            .await
        );
        let t = lp2.spawn(std::future::pending::<()>());
        lp2.sleep(Duration::from_millis(5)).await;
        assert!(t.cancel("enough"));
        println!("{:?}", t.await);
        let (tx, rx) = Deferred::new();
        lp2.call_later(Duration::from_millis(10), move || {
            tx.resolve(5).unwrap();
        })
        .unwrap();
        println!("{:?}", rx.await);
        println!("{:?}", lp2.run_in_thread(|| 7).await);
        lp2.spawn(std::future::pending::<()>()).detach();
        println!("{}", lp2.connect("127.0.0.1:1", || Echo).await.unwrap_err());
        println!(
            "{}",
            lp2.connect("nosuch.invalid:1", || Echo).await.unwrap_err()
        );
        println!("{:?}", server.connection_count());
    })
    .unwrap();
    println!("{:?} tasks {}", log.lock().unwrap(), lp.task_count());
}
#[test]
fn a() {
    go(polyloop_tokio::TokioLoop::new().unwrap())
}
#[test]
fn ct() {
    go(polyloop_tokio::TokioLoop::current_thread().unwrap())
}
