/* Virtual interrupts: pend and enable on other cores against WFI, synchronise and acknowledgement on the own core.
 *
 * The model covers VirtualInterrupts+Changes.swift (pend, touch, virtualInterruptsChanged, wake; `change` for enable
 * and disable), VirtualInterrupts+Delivery.swift (synchronise, harvest, takeBack, place, mayHaveDeliverable),
 * Kernel+Schedule.swift (waitForInterrupt, resume) and Inbox.swift (post, drainInbox, handleRequests). Each access of
 * an AtomicWord is a step. One virtual CPU is alone on its core. It has two edge-triggered interrupts and a list
 * register for each; random scripts test the case in which interrupts do not fit. See README.md.
 * InterleavingPendTests plays the same scenario on the code.
 *
 * `queued` of the own core is a plain store and stays in its store buffer until its next read-modify-write, as in
 * notification.pml. So does `isDirty.store(1)` of `touch`: until the `requests.set` that follows.
 *
 * Claims of `watch`, when no step is possible any more: the virtual CPU sleeps (with SPINS the guest never does); no
 * interrupt that is enabled is pending, in the words or in a list register; each was taken after it was pended last.
 */
// check: pass
// check: pass -DDISABLE
// check: pass -DSPINS
// check: fail -DSPINS -DDIRTY_LATE     synchronise clears isDirty after it has looked
// check: fail -DSPINS -DDIRTY_FIRST    pend sets isDirty before it sets the bit
// check: fail -DSKIP_DIRTY     pend looks only at isDirty, not at the bit
// check: fail -DMASK_FIRST     pend looks whether the interrupt is enabled before it sets the bit
// check: fail -DENABLE_BLIND   enable looks whether the interrupt is pending before it sets the bit
// check: fail -DSPINS -DNO_END  the end of an active interrupt does not signal a new edge
// check: fail -DDISABLE -DSLEEPS_ON  an interrupt that maintain places does not end the sleep
// check: fail -DREQUESTS_FIRST drainInbox takes the requests before it clears the flag
// check: fail -DLISTED_COUNTS  an outdated `listed` keeps an IPI from ending the sleep
// check: fail -DLISTED_STAYS   an edge that comes while its list register is in use is dropped

bit pending[2];                         /* VirtualCPU.pending */
bit isOn[2];                            /* .enabled (a word of Promela's own) */
bit isDirty;                            /* .isDirty */
bit listed[2];                          /* .listed; list register n is interrupt n's */
bit lrPending[2], lrActive[2];          /* ICH_LR<n>_EL2 */
bit lrEnd[2];                           /* its EOI bit: the end brings a maintenance interrupt */
bit requests;                           /* ContextRequest.interrupts in ExecutionContext.requests */
bit queued;                             /* .inboxQueued */
bit buffered;                           /* The own core has stored 0 there, and memory does not have it yet. */
bit inbox;                              /* in the own core's inbox (one object; notification.pml has the list) */
bit ipi;
bit asleep;                             /* state == .waitingForInterrupt */

bit fresh[2];                           /* of the proof: pended, and not taken since */

inline flush() { queued = queued && !buffered; buffered = 0 }

/* MARK: On other cores */

/* VirtualInterrupts+Changes.swift: pend */
inline pend(i) {
#ifdef DIRTY_FIRST
    isDirty = 1;
#endif
#ifdef MASK_FIRST
    seen = isOn[i];
#endif
    atomic { before = pending[i]; pending[i] = 1; fresh[i] = 1 };   /* pending.set(bit) */
#ifdef SKIP_DIRTY
    before = isDirty;
#endif
    if
    :: before                                           /* guard before & bit == 0 else { return } */
    :: else -> touchIfDeliverable(i)
    fi;
    before = 0; seen = 0
}

/* VirtualInterrupts+Changes.swift: touch(ifDeliverable:), after a change of a word. */
inline touchIfDeliverable(i) {
#ifndef DIRTY_FIRST
    isDirty = 1;                                        /* isDirty.store(1) */
#endif
#ifndef MASK_FIRST
    seen = pending[i]; seen = seen && isOn[i];          /* wanted: pending.load(), enabled.load() */
#endif
    if
    :: seen -> touch()
    :: else
    fi;
    seen = 0
}

/* VirtualInterrupts+Changes.swift: touch */
inline touch() {
#ifndef DIRTY_FIRST
    isDirty = 1;                                        /* isDirty.store(1) */
#endif
    requests = 1;                                       /* requests.set(.interrupts) */
    /* Inbox.swift: post(_ context:to:_:) */
    atomic { was = queued; queued = 1 };                /* guard inboxQueued.exchange(1) == 0 */
    if
    :: !was ->
        atomic { assert(!inbox); inbox = 1 };           /* push */
        ipi = 1                                         /* M.interrupt(core) */
    :: else
    fi;
    was = 0
}

/* MARK: On the own core */

/* deliverable, for one interrupt: two loads. */
inline look(i) {
    found = pending[i];                                 /* pending.load() */
    found = found && isOn[i] && !listed[i]              /* enabled.load(); `listed` is the core's own */
}

/* VirtualInterrupts+Delivery.swift: synchronise */
inline synchronise() {
#ifndef DIRTY_LATE
    atomic { flush(); isDirty = 0 };                    /* isDirty.exchange(0) */
#endif
    harvest(0); harvest(1);
    place(0); place(1);
#ifdef DIRTY_LATE
    atomic { flush(); isDirty = 0 };
#endif
    skip
}

inline harvest(i) {
    if
    :: listed[i] && !lrPending[i] && !lrActive[i] -> atomic { listed[i] = 0; lrEnd[i] = 0 }  /* isFree: release */
    :: lrPending[i] ->
        if                                              /* register.isPending, !mayStayPending: takeBack */
        :: !isOn[i] ->
            atomic { flush(); pending[i] = 1 };         /* pending.set(bit) */
            lrPending[i] = 0;
            listed[i] = 0                               /* release: a pending interrupt is not active */
        :: else -> merge(i)
        fi
    :: listed[i] && !lrPending[i] && lrActive[i] -> merge(i)
    :: else
    fi
}

/* The last branch of harvest: an edge that arrives while the interrupt is in a list register. */
inline merge(i) {
    if
    :: isOn[i] ->                                    /* isForwarded */
        if
        :: pending[i] && lrPending[i] ->                /* pending.load() & bit != 0, register.isPending */
            atomic { flush(); pending[i] = 0 }          /* pending.clear(bit) */
        :: pending[i] && !lrPending[i] ->
#ifdef LISTED_STAYS
            atomic { flush(); pending[i] = 0 }
#elif !defined(NO_END)
            lrEnd[i] = 1                                /* signalEnd: it stays pending in the words */
#else
            skip
#endif
        :: else
        fi
    :: else
    fi
}

/* mostUrgent (deliverable's loads), then place. */
inline place(i) {
    look(i);
    if
    :: found ->
        listed[i] = 1;
        atomic { flush(); pending[i] = 0 };             /* pending.clear(bit) */
        lrPending[i] = 1                                /* M.setListRegister */
    :: else
    fi
}

/* Kernel+Schedule.swift: resume, at the end of each entry. */
inline resume() {
    if
    :: !asleep && isDirty -> synchronise()              /* isDirty.relaxedLoad() != 0 */
    :: else
    fi
}

/* Kernel+Schedule.swift: waitForInterrupt */
inline waitForInterrupt() {
    if
    :: isDirty -> synchronise()                         /* isDirty.relaxedLoad() != 0 */
    :: else
    fi;
    if
    :: lrPending[0] || lrPending[1]                     /* hasPendingListed */
    :: else -> asleep = 1                               /* state = .waitingForInterrupt */
    fi;
    resume()
}

/* Inbox.swift: drainInbox, handleRequests; Changes: virtualInterruptsChanged, wake. */
inline drain() {
    if
    :: inbox ->
        inbox = 0;                                      /* core.inbox.exchange(0) */
#ifndef REQUESTS_FIRST
        buffered = 1;                                   /* inboxQueued.store(0) */
        atomic { flush(); asked = requests; requests = 0 };     /* requests.exchange(0) */
#else
        atomic { flush(); asked = requests; requests = 0 };
        buffered = 1;
#endif
        if
        :: asked && asleep ->
            /* mayHaveDeliverable: `listed` does not count. */
#ifdef LISTED_COUNTS
            look(0);
            if :: !found -> look(1) :: else fi;
#else
            found = pending[0]; found = found && isOn[0];
            if :: !found -> found = pending[1]; found = found && isOn[1] :: else fi;
#endif
            if
            :: found -> asleep = 0                      /* wake */
            :: else
            fi
        :: else
        fi
    :: else
    fi;
    asked = 0; found = 0;
    resume()
}

/* With SPINS: the guest has an interrupt to take or to end. */
#ifdef SPINS
#define guestMoves (lrActive[0] || lrActive[1] || lrPending[0] || lrPending[1])
#else
#define guestMoves true
#endif

active proctype own() {
    bit asked, found;
    isOn[0] = 1;
endIdle:
    do
    :: atomic { ipi -> ipi = 0 }; drain()
    :: (lrEnd[0] && !lrPending[0] && !lrActive[0]) || (lrEnd[1] && !lrPending[1] && !lrActive[1]) ->
        isDirty = 1; synchronise();                     /* maintain */
#ifndef SLEEPS_ON
        if :: lrPending[0] || lrPending[1] -> asleep = 0 :: else fi;
#endif
        resume()
    :: !asleep && guestMoves ->
        if                                              /* the guest's actions between interrupts */
        :: atomic { lrPending[0] && !lrActive[0] -> lrPending[0] = 0; lrActive[0] = 1; fresh[0] = 0 }   /* ICC_IAR1 */
        :: atomic { lrPending[1] && !lrActive[1] -> lrPending[1] = 0; lrActive[1] = 1; fresh[1] = 0 }
        :: atomic { lrActive[0] -> lrActive[0] = 0 }    /* ICC_EOIR1 */
        :: atomic { lrActive[1] -> lrActive[1] = 0 }
#ifndef SPINS
        :: !lrActive[0] && !lrActive[1] -> waitForInterrupt()
#endif
        fi
    od
}

active proctype device1() {
    bit before, was, seen;
    pend(0);
#ifdef DISABLE
    pend(0)
#else
    pend(1)
#endif
}

active proctype device2() {
    bit before, was, seen;
#ifndef DISABLE
    pend(0)
#endif
}

/* A monitor on another core: the guest has written to its distributor. `change`. */
active proctype monitor() {
    bit was, seen;
#ifdef DISABLE
    isOn[0] = 0;                                        /* enabled.clear(mask) */
    seen = pending[0]; seen = seen || listed[0];
    if
    :: seen -> touch()
    :: else -> isDirty = 1
    fi;
    isOn[0] = 1; touchIfDeliverable(0)
#elif defined(ENABLE_BLIND)
    seen = pending[1];
    isOn[1] = 1;
    isDirty = 1;
    if :: seen -> touch() :: else fi
#else
    isOn[1] = 1; touchIfDeliverable(1)
#endif
}

active proctype memory() {
end:
    do
    :: atomic { buffered -> queued = 0; buffered = 0 }
    od
}

active proctype watch() {
    timeout;
#ifndef SPINS
    assert(asleep);
#endif
    assert(!pending[0] && !pending[1]);
    assert(!lrPending[0] && !lrPending[1]);
    assert(!fresh[0] && !fresh[1]);
    assert(!ipi && !inbox)
}
