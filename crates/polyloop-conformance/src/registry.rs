//! The one list of what stands behind each ID: a check, a reason, or nothing yet.
//!
//! Tests, the runner and the suite's own tests are all made from it.

use crate::behaviour::{Behaviour, Capability, Standing, id_of, text_of};
use crate::checks;

/// Hands the list to the macro `$callback`, with `$context` in front.
///
/// `module: Capability { ids }` are the checks, each a function of that name in that
/// module of [`checks`](crate::checks). Those of `abilities` want more of a loop than that it
/// is one: the trait of that name, which it may lack. What follows the name is what the
/// expansions call what they make for it.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_behaviour {
    ($callback:ident $($context:tt)*) => {
        $crate::$callback! {
            [$($context)*]
            checks {
                running: Core {
                    loop_01 loop_02 loop_03 loop_04 loop_05 loop_06 loop_10 loop_11
                    loop_37
                }
                calls: Core {
                    loop_12 loop_18 loop_31 loop_32 loop_33 loop_34 loop_35
                }
                timers: Core {
                    loop_14 loop_15 loop_16 loop_17 loop_19 loop_21 loop_22
                    loop_30
                }
                moving: Threads {
                    loop_20
                }
                threads: Threads {
                    loop_23 loop_24 loop_25 loop_27 loop_28 loop_29
                }
                from_outside: Threads {
                    loop_38 loop_39
                }
                left_behind: Core {
                    loop_40 loop_42 loop_43 loop_45 loop_51
                }
                turns: Core {
                    loop_41 loop_44 loop_47
                }
                resolving: SystemSockets {
                    loop_46
                }
                endpoint_texts: Core {
                    endp_01 endp_02 endp_03 endp_04 endp_05 endp_06 endp_09 endp_11
                    endp_13
                }
                endpoint_uses: Tcp {
                    endp_07 endp_08 endp_10 endp_12
                }
                names: Resolve {
                    dns_01
                }
                names: Tcp {
                    dns_02 dns_03 dns_04 dns_05
                }
                shutdown_hooks: Core {
                    loop_07 loop_08 loop_48 loop_50
                }
                ending: Tcp {
                    loop_09 loop_13 loop_49
                }
                promise_links: Core {
                    prom_01 prom_02 prom_03 prom_04 prom_05 prom_06 prom_07 prom_08
                    prom_09 prom_10 prom_11 prom_12 prom_13
                }
                promise_cancel: Core {
                    prom_16 prom_17 prom_18 prom_19 prom_20 prom_21 prom_22 prom_23
                    prom_24 prom_25 prom_45
                }
                promise_timeout: Core {
                    prom_26 prom_27 prom_28 prom_29 prom_30 prom_31
                }
                promise_sharing: Core {
                    prom_32 prom_33 prom_34 prom_35 prom_37 prom_38 prom_39 prom_40
                    prom_44
                }
                promise_races: Core {
                    prom_41 prom_42 prom_43
                }
                asking: Core {
                    prom_46 comb_19
                }
                combine_all: Core {
                    comb_01 comb_02 comb_03 comb_04 comb_05 comb_06 comb_07 comb_08
                    comb_09 comb_18
                }
                combine_some: Core {
                    comb_10 comb_11 comb_12 comb_13 comb_14 comb_15 comb_16 comb_17
                }
                coroutines: Core {
                    coro_01 coro_02 coro_03 coro_04 coro_05 coro_06 coro_07 coro_08
                    coro_09 coro_10 coro_12 coro_13 coro_14
                }
                stream_writing: Tcp {
                    tran_01 tran_02 tran_04 tran_05 tran_07 tran_08 tran_19 tran_20
                    tran_21 tran_22 tran_23
                }
                stream_closing: Tcp {
                    tran_06 tran_09 tran_10 tran_11 tran_12 tran_13 tran_14 tran_15
                    tran_16 tran_17 tran_18
                }
                stream_ending: Tcp {
                    tran_33
                }
                stream_promise: Tcp {
                    tran_34 tran_35 tran_36
                }
                stream_sending: Core {
                    tran_55 tran_56 tran_57
                }
                stream_farewell: Tcp {
                    tran_58 tran_59
                }
                handles: Tcp {
                    tran_37 tran_38 tran_39 tran_40 tran_47 tran_48 proto_15
                }
                reaching: Tcp {
                    proto_14 proto_16 proto_17 proto_18
                }
                stream_reading: Tcp {
                    tran_24 tran_25 tran_26 tran_27 tran_28 tran_29 tran_30 proto_19
                }
                flow: Tcp {
                    prod_08
                }
                producing: Tcp {
                    prod_01 prod_02 prod_03 prod_04 prod_05 prod_06 prod_07
                }
                switching: Tcp {
                    tran_32 buf_01 buf_02 buf_03
                }
                wrapped: Tcp {
                    buf_04
                }
                protocol_events: Tcp {
                    proto_01 proto_02 proto_03 proto_04 proto_05 proto_06 proto_07
                    proto_08 proto_09 proto_10 proto_11 proto_12 proto_13
                }
                factories: Tcp {
                    fact_01 fact_02 fact_03 fact_04 fact_05 fact_06 fact_07
                    fact_10
                }
                factory_faults: Tcp {
                    fact_08 fact_09
                }
                listening: Tcp {
                    serv_10 serv_12 serv_15 serv_17
                }
                listening: Ipv6 {
                    serv_02 serv_07 serv_16
                }
                adopting: SystemSockets {
                    serv_13 serv_14 serv_18
                }
                serving: Tcp {
                    serv_01 serv_05 serv_06 serv_08 serv_09 serv_11
                }
                serving: Ipv6 {
                    serv_03
                }
                serving: SystemSockets {
                    serv_04
                }
                connecting: Tcp {
                    cli_01 cli_02 cli_03 cli_05 cli_10 cli_11 cli_12 cli_30
                }
                racing: Tcp {
                    cli_06 cli_07 cli_08 cli_09
                }
                connecting: Resolve {
                    cli_04
                }
                retrying: Core {
                    cli_13 cli_15
                }
                accepting: Tcp {
                    serv_19 serv_20
                }
                dialling: Tcp {
                    cli_31 cli_32
                }
                driving: Tcp {
                    cli_29 tran_41 tran_42 tran_43 tran_44 tran_45
                }
                driving: SystemSockets {
                    tran_46
                }
                secured: Tls {
                    tls_01 tls_02 tls_03 tls_04 tls_05 tls_06 tls_07 tls_08 tls_09
                    tls_10 tls_11 tls_12 tls_13 tls_14
                }
                upgrading: Tcp {
                    tran_49 tran_50 tran_51 tran_52 tran_53 tran_54
                }
                attempts: Tcp {
                    cli_20 cli_21 cli_22 cli_23
                }
                supervising: Tcp {
                    cli_24 cli_25 cli_26 cli_27 cli_28 cli_33
                }
                client_service: Tcp {
                    cli_14 cli_16 cli_17 cli_18 cli_19
                }
                limiting: Tcp {
                    pol_01 pol_06
                }
                idling: Tcp {
                    pol_02 pol_03
                }
                throttling: Tcp {
                    pol_04 pol_05
                }
                proxying: Tcp {
                    pol_07
                }
                framing_lines: Tcp {
                    frame_01 frame_02 frame_03 frame_04 frame_05 frame_06 frame_07
                    frame_14
                }
                framing_lengths: Tcp {
                    frame_08 frame_09 frame_10 frame_11 frame_12 frame_13
                }
                unix_streams: Unix {
                    unix_01 unix_05 unix_08 unix_10
                }
                unix_paths: Unix {
                    unix_02 unix_03 unix_07
                }
                unix_files: SystemSockets {
                    unix_04 unix_11 unix_12 unix_13
                }
                unix_streams: SystemSockets {
                    unix_09
                }
                locks: Core {
                    sync_01 sync_02 sync_04 sync_05 sync_06 sync_07 sync_08 sync_09
                    sync_10 sync_11 sync_17 sync_18
                }
                queues: Core {
                    sync_12 sync_13 sync_14 sync_15 sync_16
                }
                looping: Core {
                    sched_01 sched_02 sched_03 sched_04 sched_05 sched_06 sched_07
                    sched_08
                }
                delaying: Core {
                    sched_09 sched_10 sched_11
                }
                cooperating: Core {
                    sched_12 sched_13 sched_14 sched_15 sched_16 sched_17
                    sched_23 sched_24
                }
                batching: Core {
                    sched_18 sched_19 sched_20 sched_21 sched_22
                }
                backend_tasks: Core {
                    back_01 back_02 back_03
                }
                backend_timers: Core {
                    back_04 back_05 back_20
                }
                backend_threads: Threads {
                    back_06
                }
                backend_threads: SystemSockets {
                    back_07
                }
                backend_sockets: Tcp {
                    back_08 back_09 back_10
                }
                backend_leftovers: Core {
                    back_11 back_12
                }
                backend_sockets: SystemSockets {
                    back_13
                }
                backend_ending: Core {
                    back_17 back_18 back_19
                }
                backend_nesting: Threads {
                    back_14
                }
                backend_nesting: Core {
                    back_15 back_16
                }
                backend_finding: Core {
                    back_21
                }
                destructors: Threads {
                    err_09
                }
                destructors: Tcp {
                    err_10
                }
                errors: Core {
                    err_01 err_02 err_03 err_04 err_05 err_07 err_08
                }
            }
            abilities {
                #[cfg(unix)]
                Watch watch {
                    watching: Watch {
                        watch_01 watch_02 watch_03 watch_04 watch_05 watch_06
                    }
                    watching_borders: Watch {
                        watch_07 watch_08 watch_09 watch_10 watch_15
                    }
                    watching_callbacks: Watch {
                        watch_11 watch_12 watch_13 watch_14
                    }
                    unix_descriptors: SystemSockets {
                        unix_06 unix_14
                    }
                }
                #[cfg(unix)]
                Processes processes {
                    child_protocols: Processes {
                        proc_01 proc_02 proc_03 proc_08 proc_11
                    }
                    children: Processes {
                        proc_04 proc_05 proc_06 proc_07 proc_09 proc_10 proc_12
                    }
                }
                Signals signals {
                    catching_signals: Signals {
                        sig_01 sig_02 sig_03 sig_04 sig_05 sig_06 sig_07 sig_08
                        sig_09
                    }
                }
                Udp udp {
                    udp_sending: Udp {
                        udp_01 udp_02 udp_03 udp_04 udp_05 udp_06 udp_07 udp_13
                    }
                    udp_settings: Udp {
                        udp_08 udp_09 udp_11
                    }
                    udp_settings: Ipv6 {
                        udp_10
                    }
                    udp_settings: SystemSockets {
                        udp_12
                    }
                    datagrams: Udp {
                        dgram_01 dgram_02 dgram_03 dgram_04 dgram_05 dgram_06 dgram_07
                    }
                }
            }
            reasons {
                loop_26
                    "Every handle is `Send + Sync` and every method may be called from any thread, so there is no wrong thread; what must not leave its thread does not compile."
                loop_36
                    "Nothing to hold a loop to: every check passes whatever the order between calls, timers, sockets and threads."
                prom_14
                    "A link is added by consuming the chain, which no link of that chain holds while it runs."
                prom_15
                    "`resolve` and `reject` consume the resolver, so a second settling does not compile."
                prom_36
                    "Left out: nothing that polyloop takes after uses it, and a chain is paused by not awaiting it."
                coro_11
                    "Rust has no implicit context: a future owns what it captured, and changes inside it stay inside."
                sync_03
                    "Only a guard releases a lock, and dropping one twice does not compile; a semaphore's raw release is SYNC-08."
                tran_03
                    "Left open on purpose; only a graceful close promises delivery."
                tran_31
                    "Addresses and options have methods of their own, which answer with `Option` or an error; there is no table of names to look up."
                err_06
                    "Every constructor of a failure takes an error or a text."
                back_22
                    "What is below a loop is not in this suite's hand: a loop with an owner below it is asked by `lent::is_closed_with_its_runtime`."
                back_23
                    "What is below a loop is not in this suite's hand: a loop that its owner drives is asked by `lent::goes_on_while_it_is_driven`."
                back_24
                    "What is below a loop is not in this suite's hand: a runtime that counts its tasks is asked by `lent::leaves_no_task`."
            }
            not_yet {
            }
        }
    };
}

macro_rules! standings {
    (
        [$loop:ident]
        checks { $($module:ident: $needs:ident { $($id:ident)* })* }
        abilities { $(
            $(#[$when:meta])*
            $trait:ident $name:ident { $($able:ident: $wants:ident { $($asks:ident)* })* }
        )* }
        reasons { $($reasoned:ident $why:literal)* }
        not_yet { $($missing:ident)* }
    ) => {
        vec![
            $($((
                stringify!($id),
                Standing::Check(Capability::$needs, checks::$module::$id::<$loop>),
            ),)*)*
            $($($((stringify!($asks), Standing::Beside(Capability::$trait)),)*)*)*
            $((stringify!($reasoned), Standing::Reason($why)),)*
            $((stringify!($missing), Standing::NotYet),)*
        ]
    };
}
pub(crate) use standings;

macro_rules! checks_of_abilities {
    (
        []
        checks $checks:tt
        abilities { $(
            $(#[$when:meta])*
            $trait:ident $name:ident { $($able:ident: $wants:ident { $($asks:ident)* })* }
        )* }
        reasons $reasons:tt
        not_yet $not_yet:tt
    ) => {
        $(
            #[doc = concat!("The checks for a loop that has `", stringify!($trait), "`.")]
            $(#[$when])*
            pub fn $name<L: polyloop_core::MainLoop + polyloop_core::$trait>() -> Ability<L> {
                Ability(vec![$($((
                    stringify!($asks),
                    Standing::Check(Capability::$wants, checks::$able::$asks::<L>),
                ),)*)*])
            }
        )*
    };
}
pub(crate) use checks_of_abilities;

/// Every behaviour of the catalogue, in its order, with what stands behind it. Those that
/// want an ability beside [`Loop`](polyloop_core::Loop) are [`Standing::Beside`].
///
/// # Panics
/// If the list names an ID that the catalogue doesn't know.
pub fn behaviours<L: polyloop_core::MainLoop>() -> Vec<Behaviour<L>> {
    let standings: Vec<(&str, Standing<L>)> = for_each_behaviour!(standings L);
    let mut behaviours: Vec<Behaviour<L>> = standings
        .into_iter()
        .map(|(name, standing)| {
            let id = id_of(name);
            match text_of(&id) {
                Some(text) => Behaviour { id, text, standing },
                None => panic!("the catalogue has no {id}"),
            }
        })
        .collect();
    let place = |id: &str| crate::behaviour::catalogue().position(|(known, _)| known == id);
    behaviours.sort_by_cached_key(|behaviour| place(&behaviour.id));
    behaviours
}
