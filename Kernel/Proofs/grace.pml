/* Revocation across cores: the time at which the memory of an object may be reused.
 *
 * The model covers the look-up of a capability (`Kernel.find`), an operation that uses the object and may put it into
 * another core's inbox, `drainInbox`, and the grace periods of GracePeriods.swift: each core that was inside must
 * leave, and then each inbox must be worked off. Only posters interrupt the receivers. See README.md.
 * InterleavingGraceTests plays the same scenario on the code. An entry of `drainInbox` takes the list out of the
 * inbox and works off a part of it; the rest is `unread`, for further entries.
 *
 * Core 0 revokes. Cores 1 and 2 repeatedly look the slot up and use the object that they find. Core 2 begins a period
 * for a revocation of its own once, which core 0 may find in progress. Object 1 is a notification until its memory is
 * reused. Object 2 is of another kind and may be put into the slot as soon as that is empty (with PUBLISH_EARLY object
 * 3, a notification). An operation is atomic only with respect to its own core's interrupts.
 *
 * Numbers would make endless states. `hasLeft` stands for `inside != awaited`, because no two entries have the same
 * number; `need` stands for the number of ends of lists by which `lists` is short of the awaited value.
 *
 * Claims of `touch`: no core uses object 1 after it was reused, nor object 2 as a notification. Claim of `reuse`: no
 * inbox holds object 1. With FAIR (a liveness check under weak fairness): the revoker ends, whatever the other cores
 * do, as long as they take interrupts between operations.
 */
// check: pass
// check: pass fair
// check: fail -DNO_LEAVING    cores that are inside are not waited for
// check: fail -DNO_DRAINING   inboxes are not waited for: an operation in flight has put the object there
// check: fail -DNO_BARRIER    a core's look-up overtakes its store to `inside`
// check: fail -DSNAP_FIRST    the revoker's look at the cores overtakes its removal
// check: fail -DLEAVE_EARLY   a core stores that it has left before its last use
// check: fail -DJOIN          a period that is under way counts, though it may have begun before the removal
// check: fail -DNO_RECHECK    lookup does not compare the header again: the slot was emptied and filled in between
// check: fail -DLISTS_LATE    a core takes the list out before it counts it
// check: fail -DLISTS_DONE    a core counts the list as done before the last item is
// check: fail -DLISTS_FIRST   the revoker reads `lists` before `inbox`
// check: fail -DONE_LIST      the end of the list that is being worked off counts for what is still in the inbox
// check: fail -DOWN_INBOX     the revoker leaves its own inbox out
// check: fail -DFORWARD       draining puts the object into another core's inbox
// check: fail -DPUBLISH_EARLY a slot is filled with its header first
// check: fail fair -DFLAG_ONLY     entries have no numbers: a core that enters again and again is never seen outside
// check: fail fair -DEMPTY_ONLY    lists are not counted: an inbox that others fill again and again is never seen empty
// check: fail fair -DNO_INTERRUPT  a poster does not interrupt
// check: fail fair -DNO_RETURN  no further entry follows one that continues an old list

#define FREE 0                          /* Capability.kind */
#define NOTIFICATION 1
#define OTHER 2
#define header(version, kind) ((version) * 4 + (kind))
#define kindOf(h) ((h) & 3)

byte slotHeader = header(0, NOTIFICATION);  /* Capability: version and kind, one word */
byte slotObject = 1;                    /* Capability.object */
bit  reused;                            /* The memory of object 1 is used for another one. */
bit  queued;                            /* Notification.inboxQueued of object 1 */
#define ITEM 1
#define OTHERS 2
byte inbox[3];                          /* Core.inbox: nothing, object 1 (maybe with others), others */
byte unread[3];                         /* Core.unread: the same values */
bit  isOdd[3];                          /* Core.lists is odd */
bit  ipi[3];
bit  isLate;                            /* There were others, once. */
bit  inside[3];                         /* Core.inside is not 0 */
bit  hasLeft[3];                        /* Core.inside is not what was awaited */
byte need[3];                           /* the number of lists that must end */
byte stage;                             /* GracePeriods.stage */
byte ended;                             /* GracePeriods.ended */
bit  lock;                              /* `exclusively` */
bit  finished;

inline touch(o) { assert(o == 3 || (o == 1 && !reused)) }

/* GracePeriods.swift: enter, leave */
inline enter(me) { inside[me] = 1 }
inline leave(me) { inside[me] = 0; hasLeft[me] = 1 }  /* in an `atomic` */

/* Inbox.swift: drainInbox, in a handler of core `me`. The model distinguishes only object 1 in the inbox. Other objects
 * may have been with it, or in front of it; then the batch is used up, and a further entry handles the rest. */
inline drain(me) {
    atomic { enter(me); old = unread[me] != 0 };        /* let isContinued = core.unread != 0 */
    if
    :: !old && inbox[me] ->                             /* core.inbox.load() != 0 */
#ifndef LISTS_LATE
        isOdd[me] = 1;                                  /* core.lists.count() */
#endif
        atomic { unread[me] = inbox[me]; inbox[me] = 0 };   /* core.unread = core.inbox.exchange(0) */
#ifdef LISTS_LATE
        isOdd[me] = 1;
#endif
        skip
    :: else
    fi;
    if
    :: unread[me] == OTHERS -> unread[me] = 0
    :: unread[me] == ITEM ->
#ifdef LISTS_DONE
        atomic { isOdd[me] = 0; if :: need[me] > 0 -> need[me]-- :: else fi };
#endif
        atomic {
            touch(1);                                   /* core.unread = inboxNext */
            unread[me] = 0;
            queued = 0                                  /* inboxQueued.store(0) */
        };
        touch(1)                                        /* tell */
#ifdef FORWARD
        ;
        if :: me == 1 -> post(2) :: me == 2 -> post(1) :: else fi
#endif
    :: unread[me] != 0 && !old                          /* The batch was used up before it. */
    :: unread[me] == 0
    fi;
    atomic {
        if
        :: unread[me] == 0 && isOdd[me] ->              /* core.lists.store(core.lists + 1) */
            isOdd[me] = 0;
            if :: need[me] > 0 -> need[me]-- :: else fi
        :: else
        fi;
        if
#ifndef NO_RETURN
        :: old || unread[me] != 0 -> ipi[me] = 1        /* alert(core, core.id) */
#else
        :: unread[me] != 0 && !old -> ipi[me] = 1
#endif
        :: else
        fi;
        old = 0;
        leave(me)
    }
}

#ifdef NO_INTERRUPT
#define interrupt(to) skip
#else
#define interrupt(to) ipi[to] = 1
#endif

/* Inbox.swift: post */
inline post(to) {
    atomic { was = queued; queued = 1 };                /* inboxQueued.exchange(1) */
    if
    :: !was -> inbox[to] = ITEM; interrupt(to)
    :: else
    fi;
    was = 0
}

/* post of another object. */
inline postOther(to) {
    atomic { if :: inbox[to] == 0 -> inbox[to] = OTHERS :: else fi };
    interrupt(to)
}

/* An operation on the slot, for example `signal`. */
inline operation(me) {
#ifndef NO_BARRIER
    enter(me);                                          /* inside = number, DMB */
#endif
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
#ifdef NO_BARRIER
            enter(me);                                  /* The store was in the store buffer until now. */
#endif
            touch(o);                                   /* bits.set(bits), the sink */
            if
            :: post(0)
            :: me != 1 -> post(1)
            :: me != 2 -> post(2)
            :: skip
            fi;
#ifdef LEAVE_EARLY
            atomic { leave(me) };
#endif
            touch(o)
        :: else                                         /* badCapability */
        fi
    :: else
#if defined(FAIR)
        -> if :: me == 1 -> postOther(2) :: skip fi
#else
        -> if :: me == 1 && !isLate -> isLate = 1; postOther(2) :: skip fi
#endif
    fi;
    atomic { leave(me); h = 0; o = 0; again = 0 }
}

/* advanceGrace, stage `none`, on core `me`: the look at each other core is one step. */
inline look(c, me) {
    atomic { hasLeft[c] = (c == me) || !inside[c] }     /* awaited = other == core ? 0 : other.inside.load() */
}
inline begin(me) { look(0, me); look(1, me); look(2, me); stage = 1 }

inline worker(me) {
    do
    :: ipi[me] -> ipi[me] = 0; drain(me)
    :: !ipi[me] -> operation(me)
#ifndef FAIR
    :: me == 2 && !ipi[me] && !hasRevoked ->            /* another revoker */
        hasRevoked = 1;
        atomic { !lock -> lock = 1; inside[me] = 1 };
        if :: stage == 0 -> begin(me) :: else fi;
        atomic { lock = 0; leave(me) }
#endif
    od
}

active proctype core1() {
    byte h, o, again; bit was, old, hasRevoked;
    worker(1)
}

active proctype core2() {
    byte h, o, again; bit was, old, hasRevoked;
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

/* isDrained: two loads. */
inline drained(c) {
#ifdef LISTS_FIRST
    isEmpty = !isOdd[c]; isEmpty = isEmpty && inbox[c] == 0
#else
    isEmpty = inbox[c] == 0; isEmpty = isEmpty && !isOdd[c]
#endif
}

/* advanceGrace, from stage `leaving` to `draining`. */
inline count(c) {
    drained(c);
#ifdef ONE_LIST
    atomic { need[c] = (isEmpty -> 0 : 1) }
#else
    atomic { need[c] = (isEmpty -> 0 : (isOdd[c] -> 2 : 1)) }   /* (other.lists.load() + 3) & ~1 */
#endif
}

inline waitFor(c) {
    if
#ifdef EMPTY_ONLY
    :: true -> drained(c)
#else
    :: need[c] == 0
    :: else -> drained(c)
#endif
    fi;
    if
#ifdef EMPTY_ONLY
    :: isEmpty -> need[c] = 0
    :: else -> need[c] = 1
#else
    :: need[c] != 0 && isEmpty -> need[c] = 0
    :: else
#endif
    fi
}

#ifdef FLAG_ONLY
#define left(c) (!inside[c])
#else
#define left(c) hasLeft[c]
#endif

inline advance() {
    atomic { !lock -> lock = 1 };
    if :: stage == 0 -> begin(0) :: else fi;
    if
#ifdef NO_LEAVING
    :: stage == 1 ->
#else
    :: stage == 1 && hasLeft[0] && left(1) && left(2) ->
#endif
        count(0); count(1); count(2);
        stage = 2
    :: else
    fi;
    if
    :: stage == 2 ->
        waitFor(0); waitFor(1); waitFor(2);
#ifdef OWN_INBOX
        need[0] = 0;
#endif
#ifdef NO_DRAINING
        need[0] = 0; need[1] = 0; need[2] = 0;
#endif
        if
        :: need[0] == 0 && need[1] == 0 && need[2] == 0 -> atomic { stage = 0; ended = ended + 1 }
        :: else
        fi
    :: else
    fi;
    lock = 0
}

active proctype core0() {
    byte goal; bit old, was, isFilled, isEmpty;
    atomic { !lock -> lock = 1 };
#ifdef SNAP_FIRST
    if :: stage == 0 -> begin(0) :: else fi;
    goal = ended + 1;
    slotHeader = header(1, FREE);
#else
    slotHeader = header(1, FREE);                       /* revoke: kind none, the next version; DMB */
#ifdef JOIN
    goal = ended + 1;
#else
    goal = ended + (stage == 0 -> 1 : 2);               /* hasGracePassed */
#endif
#endif
    lock = 0;
    do                                                  /* `again`: the caller runs and repeats the operation */
    :: ipi[0] -> ipi[0] = 0; drain(0)
    :: !isFilled -> isFilled = 1; publish()
    :: ended < goal && !ipi[0] -> advance()
    :: ended >= goal -> break
    od;
    /* reuse: the region's memory is used for another object. */
    assert(inbox[0] != ITEM && inbox[1] != ITEM && inbox[2] != ITEM);
    assert(unread[0] != ITEM && unread[1] != ITEM && unread[2] != ITEM);
    atomic { reused = 1; finished = 1 };
    do
    :: ipi[0] -> ipi[0] = 0; drain(0)
    od
}

#ifdef FAIR
ltl ends { <> finished }
#endif
