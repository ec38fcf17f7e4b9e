import ABI
@_spi(Kernel) import Entente

// The kernel's operations as root uses them. Each repeats its call until all of the work is done.

/// Makes an object of a region, with its capability in `slot`.
func create(
    _ kind: ObjectKind, _ parameter: UInt64, of region: UInt32, in slot: UInt32, alignment: UInt64 = 4096
) -> Answer {
    invokeUntilDone(
        .create, Selector(slot: region, form: UInt32(kind.rawValue)), Words(parameter, UInt64(slot), alignment))
}

/// Maps a part of an extent into a space. `slot` of root's table receives the mapping.
func map(
    _ space: UInt32, _ extent: UInt32, _ address: UInt64, offset: UInt64 = 0, size: UInt64, rights: UInt64,
    in slot: UInt32
) -> Status {
    var done: UInt64 = 0
    while done < size {
        let answer = invoke(
            .map, Selector(slot: space),
            Words(UInt64(extent), address + done, offset + done, size - done, rights, UInt64(slot)))
        guard answer.status == .ok || answer.status == .again else { return answer.status }
        done += answer.words.w0
    }
    return .ok
}

func scheduleControl(_ scheduling: UInt32, _ form: ScheduleControl, _ words: Words = Words()) -> Answer {
    invoke(.scheduleControl, Selector(slot: scheduling, form: form.rawValue), words)
}

func notificationBind(_ notification: UInt32, _ form: NotificationBind, _ words: Words) -> Answer {
    invoke(.notificationBind, Selector(slot: notification, form: form.rawValue), words)
}

func system(_ form: SystemForm) -> Selector { Selector(slot: RootSlot.system, form: form.rawValue) }

/// Revokes all that was made of a capability, and with `delete` the capability, too. The slot may be empty.
func takeBack(_ slot: UInt32, _ form: RevokeForm) {
    let status = revoke(slot, form)
    guard status == .ok || status == .badCapability else { fail("cannot take back a capability", status) }
}

func require(_ answer: Answer, _ what: StaticString) {
    if answer.status != .ok { fail(what, answer.status) }
}

extension Rights {
    static var readWrite: Rights { Rights(rawValue: Rights.read.rawValue | Rights.write.rawValue) }
}
