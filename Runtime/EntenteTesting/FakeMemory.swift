import ABI
import Entente
import Foundation

/// Memory that fake components share.
final class FakeMemory {
    let base: UnsafeMutableRawPointer

    init(_ size: Int) {
        base = .allocate(byteCount: size, alignment: 4096)
        memset(base, 0, size)
    }

    deinit { base.deallocate() }
}

/// A part of it.
struct FakeExtent {
    var memory: FakeMemory
    var offset: UInt64 = 0
    var size: UInt64

    init(_ memory: FakeMemory, offset: UInt64 = 0, size: UInt64) {
        (self.memory, self.offset, self.size) = (memory, offset, size)
    }

    var address: UInt64 { UInt64(UInt(bitPattern: memory.base)) + offset }

    /// Nil when that is not inside of it.
    func part(_ start: UInt64, _ length: UInt64) -> FakeExtent? {
        guard start % 4096 == 0, length % 4096 == 0, start <= size, length <= size - start else { return nil }
        return FakeExtent(memory, offset: offset + start, size: length == 0 ? size - start : length)
    }
}

extension FakeComponent {
    /// Extents only: a child in the component's own table.
    func derive(_ selector: Selector, _ words: Words) -> Answer {
        guard let object = table[selector.slot], case .extent(let extent) = object.kind else { return refuse(.badCapability) }
        guard object.rights.contains(.manage) else { return refuse(.noRights) }
        let slot = UInt32(truncatingIfNeeded: words.w1)
        guard words.w0 == UInt64(InitialSlot.table), let part = extent.part(words.w3, words.w4) else { return refuse(.badArgument) }
        guard table[slot] == nil else { return refuse(.occupied) }
        let rights = object.rights.intersection(Rights(rawValue: UInt8(truncatingIfNeeded: words.w2)))
        table[slot] = FakeObject(.extent(part), rights)
        return refuse(.ok)
    }

    func map(_ words: Words) -> Answer {
        guard let object = table[UInt32(truncatingIfNeeded: words.w0)], case .extent(let extent) = object.kind else {
            return refuse(.badCapability)
        }
        guard object.rights.contains(Rights(rawValue: UInt8(truncatingIfNeeded: words.w4))) else { return refuse(.noRights) }
        guard let part = extent.part(words.w2, words.w3), words.w3 > 0 else { return refuse(.badArgument) }
        let slot = UInt32(truncatingIfNeeded: words.w5)
        guard table[slot] == nil, windows[words.w1] == nil else { return refuse(.occupied) }
        table[slot] = FakeObject(.mapping(words.w1), .all)
        windows[words.w1] = part
        return Answer(rawStatus: Status.ok.rawValue, words: Words(words.w3))
    }

    private func refuse(_ status: Status) -> Answer { Answer(rawStatus: status.rawValue) }
}
