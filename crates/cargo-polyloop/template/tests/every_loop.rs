//! Server and client: one test per loop, on real sockets and in the simulation.

use my_library::{Order, Tally, add, connect, serve};

use polyloop::{Failure, Loop};

#[polyloop::test]
async fn orders_are_added_up<L: Loop>(lp: L) -> Result<(), Failure> {
    let server = serve(&lp, "127.0.0.1:0", Tally::default()).await?;
    let connection = connect(&lp, server.local_addr()).await?;
    let mut sums = Vec::new();
    for (number, amount) in [(1, 5), (2, 7), (3, 1)] {
        let order = Order { number, amount };
        let answer = connection.call(move |asking, transport| {
            let asking = asking.get_mut();
            asking.ask(transport, order)
        });
        sums.push(answer.await??.await?);
    }
    assert_eq!(sums, [5, 12, 13]);
    connection.close();
    server.close();
    server.drained().await;
    Ok(())
}

#[polyloop::test]
async fn the_same_order_counts_once<L: Loop>(lp: L) -> Result<(), Failure> {
    let tally = Tally::default();
    let server = serve(&lp, "127.0.0.1:0", tally.clone()).await?;
    let address = server.local_addr().to_string();
    let order = Order {
        number: 1,
        amount: 5,
    };
    assert_eq!(add(&lp, &address, order, 1).await?, 5);
    assert_eq!(add(&lp, &address, order, 1).await?, 5);
    assert_eq!(tally.total(), 5);
    server.close();
    server.drained().await;
    Ok(())
}
