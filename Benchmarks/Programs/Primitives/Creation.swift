import ABI
@_spi(Kernel) import Entente
import Measuring
import RuntimeSupport

// Creation of threads and components.

/// Measures a thread in an existing address space: created with its time, configured, given its stack and entry,
/// started. It is less urgent than the client, so that it does not run yet.
func measureThreads(_ factory: inout ObjectFactory) {
    let turns: UInt64 = 64
    let first = factory.reserveSlots(UInt32(2 &* turns))
    let space = UInt64(factory.space)
    var failures: UInt64 = 0
    let empty = ticks(turns) { _ in }
    let full = ticks(turns) { turn in
        let thread = first &+ 2 &* UInt32(turn)
        let time = thread &+ 1
        let threadCreated = create(.thread, thread)
        let timeCreated = create(.schedulingContext, time, priority << 8)
        let made = contextControl(
            thread, .configure, Words(space, UInt64(InitialSlot.table), 0, UInt64(time), 0))
        let started = contextControl(
            thread, .startAt, Words(ComponentLayout.image, ComponentLayout.stackTop, turn, turn))
        if !threadCreated.has(.ok) || !timeCreated.has(.ok) || !made.has(.ok) || !started.has(.ok) { failures &+= 1 }
    }
    require(failures == 0, "create a thread", status: .ok)
    report("thread.create", ticks: full &- empty, turns: turns)
    for turn in 0..<2 &* UInt32(turns) {
        require(revoke(first &+ turn, .delete) == .ok, "delete a thread", status: .ok)
    }
}

/// The priority of the threads, which are less urgent than the client.
private let priority: UInt64 = 1

private func create(_ kind: ObjectKind, _ slot: UInt32, _ parameter: UInt64 = 0) -> Answer {
    invoke(
        .create, Selector(slot: RootSlot.firstRegion, form: UInt32(kind.rawValue)), Words(parameter, UInt64(slot)))
}

/// Measures a component of its own: region, table, address space, the program out of the image, stack, time and
/// thread, until it runs and signals.
func measureComponent(_ factory: inout ObjectFactory) {
    let turns: UInt64 = 8
    let heard = factory.create(.notification)
    var sum: UInt64 = 0
    for _ in 0..<turns {
        let start = Clock.now
        let region = factory.buildComponent(Role.hello.rawValue, heard).region
        sum &+= Clock.now &- start
        require(poll(heard) == 1, "hear of the component", status: .ok)
        require(revoke(region, .descendants) == .ok, "take a component back", status: .ok)
        require(revoke(region, .delete) == .ok, "delete a region", status: .ok)
        factory.giveBackSlots(from: region)
    }
    report("component.create", ticks: sum, turns: turns)
}
