/* Revocation across cores: when the memory of an object may become something else.
 *
 * What is modelled: the lookup of a capability (`Kernel.find`), an operation that uses the object and may put it into
 * another core's inbox, `drainInbox`, and the grace period of `revoke`: empty the slot, then twice: count up the board's
 * epoch, interrupt every other core, and answer `again` until each has taken an interrupt since. See README.md.
 *
 * Core 0 revokes. Cores 1 and 2 keep looking the slot up and using what they find; core 2 revokes something else meanwhile
 * and counts the epoch up too. Object 1 is a notification until its memory is reused; object 2 is of another kind and
 * may be put into the slot as soon as that is empty (with PUBLISH_EARLY object 3, a notification). An operation is atomic for its own core's interrupts only.
 *
 * Claims. In `touch`: nobody uses object 1 after it was reused, nor object 2 as a notification. In `reuse`: no inbox
 * holds object 1. With FAIR (a liveness check under weak fairness): the revoker ends, whatever the others do, as long as they
 * take interrupts between operations.
 */
// check: pass
// check: pass fair
// check: fail -DROUNDS=1      one round: an operation in flight puts the object into an inbox that was drained already
// check: fail -DNO_RECHECK    lookup does not compare the header again: the slot was emptied and filled in between
// check: fail -DQUIET_FIRST   a core says that it was quiet before it drains its inbox
// check: fail -DEPOCH_LATE    a core reads the epoch after it has drained its inbox
// check: fail -DOWN_INBOX     the revoker leaves its own inbox out
// check: fail -DFORWARD       draining puts the object into another core's inbox
// check: fail -DPUBLISH_EARLY a slot is filled with its header first
// check: fail fair -DNO_INTERRUPT  the revoker waits for the others to take an interrupt by themselves

#ifndef ROUNDS
#define ROUNDS 2
#endif

#define FREE 0                          /* Capability.kind */
#define NOTIFICATION 1
#define OTHER 2
#define header(version, kind) ((version) * 4 + (kind))
#define kindOf(h) ((h) & 3)

byte slotHeader = header(0, NOTIFICATION);  /* Capability: version and kind, one word */
byte slotObject = 1;                    /* Capability.object */
bit  reused;                            /* the memory of object 1 is something else */
bit  queued;                            /* Notification.inboxQueued of object 1 */
bit  inbox[3];                          /* object 1 is in core n's inbox */
bit  ipi[3];
byte epoch;                             /* Board.epoch */
byte quiet[3];                          /* Core.quiet */
bit  finished;

inline touch(o) { assert(o == 3 || (o == 1 && !reused)) }

/* Core `me`, in its handler of the inbox interrupt. */
inline handle(me) {
#ifndef EPOCH_LATE
    seen = epoch;                                       /* let epoch = board.epoch.load() */
#endif
#ifdef QUIET_FIRST
    quiet[me] = seen;
#endif
    drain(me);
#ifdef EPOCH_LATE
    seen = epoch;
#endif
#ifndef QUIET_FIRST
    quiet[me] = seen;                                   /* core.quiet.store(epoch) */
#endif
    seen = 0
}

/* Inbox.swift: drainInbox */
inline drain(me) {
    if
    :: inbox[me] ->
        inbox[me] = 0;                                  /* inbox.exchange(0) */
        touch(1);                                       /* tagged = inboxNext */
        queued = 0;                                     /* inboxQueued.store(0) */
        touch(1);                                       /* deliver */
#ifdef FORWARD
        if :: me == 1 -> post(2) :: me == 2 -> post(1) :: else fi
#endif
    :: else
    fi
}

/* Inbox.swift: post */
inline post(to) {
    atomic { was = queued; queued = 1 };                /* inboxQueued.exchange(1) */
    if
    :: !was -> inbox[to] = 1; ipi[to] = 1
    :: else
    fi;
    was = 0
}

/* An operation on the slot, say `signal`. */
inline operation(me) {
    h = slotHeader;                                     /* the header: kind, rights, version */
    if
    :: kindOf(h) == NOTIFICATION ->
        o = slotObject;                                 /* orderLoads; the object */
#ifdef NO_RECHECK
        again = h;
#else
        again = slotHeader;                             /* orderLoads; the header again */
#endif
        if
        :: again == h ->
            touch(o);                                   /* bits.set(bits), the sink */
            if
            :: post(0)
            :: me != 1 -> post(1)
            :: me != 2 -> post(2)
            :: skip
            fi;
            touch(o)
        :: else                                         /* badCapability */
        fi
    :: else
    fi;
    h = 0; o = 0; again = 0
}

inline worker(me) {
    do
    :: ipi[me] -> ipi[me] = 0; handle(me)
    :: !ipi[me] -> operation(me)
    :: me == 2 && !ipi[me] && !hasRevoked ->            /* another revoker counts up too */
        hasRevoked = 1;
        atomic { epoch = epoch + 1 };
        ipi[0] = 1; ipi[1] = 1
    od
}

active proctype core1() {
    byte h, o, again, seen; bit was, hasRevoked;
    worker(1)
}

active proctype core2() {
    byte h, o, again, seen; bit was, hasRevoked;
    worker(2)
}

/* Fills the free slot with another object: `publish`. */
inline publish() {
#ifdef PUBLISH_EARLY
    slotHeader = header(1, NOTIFICATION); slotObject = 3
#else
    slotObject = 2; slotHeader = header(1, OTHER)       /* orderStores between them */
#endif
}

active proctype core0() {
    byte seen, goal, round; bit was, isFilled;
    slotHeader = header(1, FREE);                       /* revoke: kind none, the next version */
    do
    :: round == ROUNDS -> break
    :: else ->
        round++;
        atomic { epoch = epoch + 1; goal = epoch };     /* board.epoch.add(1) */
#ifndef NO_INTERRUPT
        ipi[1] = 1; ipi[2] = 1;                         /* M.interrupt, each other core */
#endif
        do                                              /* `again`: the caller runs and repeats the operation */
        :: ipi[0] -> ipi[0] = 0; handle(0)
        :: !isFilled -> isFilled = 1; publish()
        :: quiet[1] >= goal && quiet[2] >= goal -> break        /* core.quiet.load(), each */
        od;
#ifndef OWN_INBOX
        drain(0)                                        /* its own inbox, in the same entry */
#endif
    od;
    /* reuse: the region's memory is turned into something else. */
    assert(!inbox[0] && !inbox[1] && !inbox[2]);
    atomic { reused = 1; finished = 1 };
    do
    :: ipi[0] -> ipi[0] = 0; handle(0)
    od
}

#ifdef FAIR
ltl ends { <> finished }
#endif
