//! Lookup against plain sockets, and against its own client.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use polyloop::{Failure, Loop, Udp};
use polyloop_examples::lookup::{self, LookupError, Names};

fn names() -> Names {
    Names::new([("answer", "42"), ("empty", "")])
}

#[polyloop::test]
async fn its_client_is_answered<L: Loop + Udp>(lp: L) -> Result<(), Failure> {
    let here = (Ipv4Addr::LOCALHOST, 0).into();
    let server = lookup::serve(&lp, here, names())?;
    let address = server.local_addr().ok_or("no address")?;
    assert_eq!(lookup::look_up(&lp, address, "answer").await?, b"42");
    assert_eq!(lookup::look_up(&lp, address, "empty").await?, b"");
    let unknown = lookup::look_up(&lp, address, "question").await.unwrap_err();
    assert_eq!(
        unknown.downcast_ref(),
        Some(&LookupError::Unknown("question".to_owned()))
    );
    server.close();
    server.stopped().await;
    Ok(())
}

#[polyloop::test(loops(real))]
async fn what_is_no_question_is_left_alone<L: Loop + Udp>(lp: L) -> Result<(), Failure> {
    let server = lookup::serve(&lp, (Ipv4Addr::LOCALHOST, 0).into(), names())?;
    let address = server.local_addr().ok_or("no address")?;
    let answer = lp.run_in_thread(move || {
        let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        client.set_read_timeout(Some(Duration::from_secs(30)))?;
        let long = vec![7; 60_000];
        for data in [&b""[..], b"x", &long, b"\x01\x02answer"] {
            client.send_to(data, address)?;
        }
        let mut answers = Vec::new();
        for _ in 0..2 {
            let mut buffer = [0; 64];
            let length = client.recv(&mut buffer)?;
            answers.push(buffer[..length].to_vec());
        }
        std::io::Result::Ok(answers)
    });
    // A long name is a name, and an unknown one.
    assert_eq!(answer.await??, [&b"\x07\x07\x00"[..], b"\x01\x02\x0142"]);
    server.close();
    Ok(())
}

/// A server that loses the first questions, answers others' and answers twice.
#[polyloop::test(loops(real))]
async fn a_question_is_asked_again<L: Loop + Udp>(lp: L) -> Result<(), Failure> {
    let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    peer.set_read_timeout(Some(Duration::from_secs(30)))?;
    let address = peer.local_addr()?;
    let asked = lp.run_in_thread(move || {
        let mut buffer = [0; 64];
        let mut questions = Vec::new();
        for _ in 0..3 {
            let (length, from) = peer.recv_from(&mut buffer)?;
            questions.push((buffer[..length].to_vec(), from));
        }
        let (question, from) = questions.pop().expect("three questions");
        let number = &question[..2];
        let other = [number[0] ^ 1, number[1]];
        peer.send_to(&[&other, &b"\x01wrong"[..]].concat(), from)?;
        for _ in 0..2 {
            peer.send_to(&[number, b"\x01right"].concat(), from)?;
        }
        std::io::Result::Ok(questions.iter().all(|(early, _)| *early == question))
    });
    assert_eq!(lookup::look_up(&lp, address, "name").await?, b"right");
    assert!(asked.await??, "it was not the same question each time");
    Ok(())
}
