import ABI
import Entente

// The kernel's operations as root uses them: each is repeated until all of it is done, and none may fail.

/// An object of a region, with its capability in `slot`.
/// - Returns: what the kernel answered; only `noMemory` and `badCapability` come back as failures.
func create(
    _ kind: ObjectKind, _ parameter: UInt64, of region: UInt32, in slot: UInt32, alignment: UInt64 = 4096
) -> Answer {
    invokeUntilDone(
        .create, Selector(slot: region, form: UInt32(kind.rawValue)), Words(parameter, UInt64(slot), alignment))
}

/// Maps a part of an extent into a space. `slot` of root's table receives the mapping.
func map(
    _ space: UInt32, _ extent: UInt32, _ address: UInt64, offset: UInt64 = 0, size: UInt64, _ rights: Rights,
    in slot: UInt32
) {
    var done: UInt64 = 0
    while done < size {
        let answer = invoke(
            .map, Selector(slot: space),
            Words(
                UInt64(extent), address + done, offset + done, size - done, UInt64(rights.rawValue), UInt64(slot)))
        guard answer.status == .ok || answer.status == .again else { fail("cannot map memory", answer.status) }
        done += answer.words.w0
    }
}

/// A child of a capability of root's, in a slot of `table`.
func derive(
    _ source: UInt32, into table: UInt32, _ slot: UInt32, rights: Rights = .all, badge: UInt64 = 0, size: UInt64 = 0
) {
    let answer = invoke(
        .derive, Selector(slot: source),
        Words(UInt64(table), UInt64(slot), UInt64(rights.rawValue), badge, size))
    if answer.status != .ok { fail("cannot derive a capability", answer.status) }
}

/// Takes back what was made of a capability, and with `delete` the capability too. A slot that is empty stays so.
func takeBack(_ slot: UInt32, _ form: RevokeForm) {
    let status = revoke(slot, form)
    guard status == .ok || status == .badCapability else { fail("cannot take back a capability", status) }
}

func require(_ answer: Answer, _ what: StaticString) {
    if answer.status != .ok { fail(what, answer.status) }
}

extension Rights {
    static var readOnly: Rights { .read }
    static var readWrite: Rights { Rights(rawValue: Rights.read.rawValue | Rights.write.rawValue) }
}
