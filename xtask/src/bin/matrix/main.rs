use polyloop::*;
fn main(){ let t=std::time::Instant::now(); for (id,_) in polyloop_conformance::behaviour::catalogue(){ let u=std::time::Instant::now(); let r=polyloop_conformance::Runner::new("tokio",||TokioLoop::new().unwrap()).run_one::<TokioLoop>(id); let e=u.elapsed(); if e.as_millis()>300 {println!("{id} {:?} {:?}",e,r.map(|r|r.status.to_string()));}} println!("{:?}",t.elapsed());
 let t=std::time::Instant::now(); for _ in 0..10{polyloop_conformance::behaviours::<TokioLoop>();} println!("list x10 {:?}",t.elapsed());}
