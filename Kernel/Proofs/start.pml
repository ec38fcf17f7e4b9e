/* Starting, stopping and configuring a context from any core.
 *
 * The model covers Kernel+Context.swift (start, begin, stop, isStopped, configure), VirtualInterrupts+Changes.swift
 * (touch) and Inbox.swift (post, drainInbox, handleRequests). Each access of an AtomicWord, of `state`, of `core` and
 * of `isConfigured` is a step. See README.md. InterleavingStartTests plays the same scenario on the code.
 *
 * There is one context, and a controller on each of two cores. A controller configures the context for a core of its
 * choice, starts it, stops it, and pends interrupts, in any order. With ONE only core 1's controller does, so that the
 * last request is known.
 *
 * Claim of `own`: only the context's core changes its state. Claim of `configure`: the context that it changes is at
 * rest, so that no core is about to start the context, and none is still busy stopping it. Claims of `watch`, when no
 * step is possible any more: no request is left, and with ONE the context is in the state that was requested last.
 */
// check: pass
// check: pass -DONE
// check: fail -DGAP              handleRequests takes the start away before it has the lock
// check: fail -DMOVES            configure may give a context another core than before
// check: fail -DCONFIGURED_FIRST configure sets isConfigured before the core is written
// check: fail -DUNGUARDED        stop and touch use the core of a context that was never configured
// check: fail -DRUNNING_EARLY    stop clears running before it has released the context
// check: fail -DONE -DKEEP_START stop leaves a start that was asked for before

#define START 1                         /* ContextRequest */
#define STOP 2
#define INTERRUPTS 4

bit  structure;                         /* The lock, without its order: errand.pml has that. */
bit  isConfigured;
byte home;                              /* ExecutionContext.core */
bit  isReady;                           /* .state: .ready, or .stopped */
bit  running;                           /* .running */
byte requests;                          /* .requests */
bit  queued;                            /* .inboxQueued */
bit  inbox[2];                          /* is in core n's inbox */
bit  ipi[2];

bit  starting, stopping;                /* State of the proof: a core is in the middle of it. */
bit  wanted;                            /* the last request */

inline own() { assert(home == me) }

inline acquire() { atomic { !structure -> structure = 1 } }
inline release() { structure = 0 }

/* Inbox.swift: post(context, to: context.core) */
inline post() {
    to = home;
    atomic { was = queued; queued = 1 };                /* inboxQueued.exchange(1) */
    if
    :: !was -> inbox[to] = 1; ipi[to] = 1
    :: else
    fi;
    was = 0; to = 0
}

/* contextControl start */
inline start() {
    if
    :: !isConfigured                                    /* badState */
    :: isConfigured && home == me ->
        acquire(); begin(); wanted = 1; release()
    :: isConfigured && home != me ->
        atomic { requests = requests | START; wanted = 1 };     /* requests.set(start) */
        post()
    fi
}

/* begin: under the lock, on the context's core. */
inline begin() {
    own();
    if
    :: !isReady -> running = 1; isReady = 1             /* running.store(1); state = .ready; useOwnTime, reviveParked */
    :: else                                             /* guard state == .stopped */
    fi;
    starting = 0
}

/* contextControl stop */
inline stop() {
    if
#ifndef UNGUARDED
    :: !isConfigured -> skip                            /* It is stopped. */
    :: isConfigured && home == me ->
#else
    :: home == me ->
#endif
        stopHere(); wanted = 0
#ifndef UNGUARDED
    :: isConfigured && home != me ->
#else
    :: home != me ->
#endif
#ifndef KEEP_START
        atomic { requests = requests & ~START };        /* requests.clear(start): cancelled */
#endif
        atomic { requests = requests | STOP; wanted = 0 };      /* requests.set(stop) */
        post()
    fi
}

/* stop, on the context's core. */
inline stopHere() {
    if
    :: isReady ->
        own();
        stopping = 1;
        isReady = 0;                                    /* state = .stopped; restOwnTime: off the run queue */
#ifdef RUNNING_EARLY
        running = 0;
#endif
        own();                                          /* unloadIfLoaded, abandonCaller */
        atomic {
            stopping = 0;
#ifndef RUNNING_EARLY
            running = 0                                 /* running.store(0), after the last access */
#endif
        }
    :: else
    fi
}

/* VirtualInterrupts+Changes.swift: virtualInterruptControl, touch */
inline touch() {
    if
#ifndef UNGUARDED
    :: !isConfigured -> skip                            /* `start` will look */
    :: isConfigured && home == me ->
#else
    :: home == me ->
#endif
        if :: isReady -> own() :: else fi               /* virtualInterruptsChanged: looks at the state */
#ifndef UNGUARDED
    :: isConfigured && home != me ->
#else
    :: home != me ->
#endif
        atomic { requests = requests | INTERRUPTS };
        post()
    fi
}

/* contextControl configure */
inline configure(core) {
    acquire();
    found = running;                                    /* isStopped */
    found = !found && !(requests & START);
    if
#ifndef MOVES
    :: found && (!isConfigured || home == core) ->      /* a context stays on its first core */
#else
    :: found ->
#endif
        assert(!starting && !stopping && !isReady);
#ifndef CONFIGURED_FIRST
        home = core; isConfigured = 1                   /* orderStores between them */
#else
        isConfigured = 1; home = core
#endif
    :: else                                             /* badState */
    fi;
    found = 0;
    release()
}

/* Inbox.swift: drainInbox, handleRequests */
inline drain() {
    if
    :: inbox[me] ->
        inbox[me] = 0;                                  /* inbox.exchange(0) */
        queued = 0;                                     /* inboxQueued.store(0) */
        handleRequests()
    :: else
    fi
}

inline handleRequests() {
#ifdef GAP
    atomic { asked = requests; requests = 0; starting = asked & START };        /* requests.exchange(0) */
#else
    atomic { asked = requests; requests = requests & START };   /* requests.clear(stop | interrupts) */
#endif
    act(STOP | INTERRUPTS);
    if
    :: asked & START ->
        acquire();
#ifndef GAP
        atomic { asked = requests; requests = 0; starting = asked & START };    /* requests.exchange(0) */
#endif
        act(START | STOP | INTERRUPTS);
        release()
    :: else
    fi;
    asked = 0
}

/* act: the requests, stops first */
inline act(which) {
    if :: asked & STOP -> stopHere() :: else fi;
    if :: asked & START & (which) -> begin() :: else fi;
    if :: (asked & INTERRUPTS) && isReady -> own() :: else fi
}

proctype controller(byte me; byte left) {
    byte to, asked, found; bit was;
end:
    do
    :: ipi[me] -> ipi[me] = 0; drain()
    :: !ipi[me] && left > 0 ->
        left--;
        if
        :: true -> configure(0)
        :: true -> configure(1)
        :: true -> start()
        :: true -> stop()
        :: true -> touch()
        fi
    od
}

init {
    atomic {
#ifdef ONE
        run controller(0, 0);
#else
        run controller(0, 3);
#endif
        run controller(1, 4)
    }
}

active proctype watch() {
    timeout;
    assert(running == isReady && !starting && !stopping);
    assert(!ipi[0] && !ipi[1] && !inbox[0] && !inbox[1]);
    assert(requests == 0);
#ifdef ONE
    assert(isReady == wanted)
#endif
}
