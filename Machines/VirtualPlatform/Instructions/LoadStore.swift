/// A load or store instruction of AArch64 that the syndrome of its data abort does not describe (ISV is 0), because
/// it moves several registers or vector registers, or writes its base register back. A device can answer it all the
/// same.
///
/// The instruction moves `elementCount` elements of `elementSize` bytes between memory, where they lie side by side,
/// and up to four registers, its *slots*. LoadStore+Decode.swift decodes instructions, and `Transfer` performs them.
/// Exclusive and atomic accesses are not decoded.
public struct LoadStore: Equatable {
    /// The register to which the offset is added.
    public enum Base: Equatable {
        /// A general register; 31 is the stack pointer.
        case register(UInt32)
        case programCounter
    }

    public enum Offset: Equatable {
        case immediate(Int64)
        /// `X[number]`, or its low half extended, shifted left.
        case register(UInt32, extension: Extension, shift: UInt64)
    }

    public enum Extension: Equatable {
        case none, unsignedWord, signedWord
    }

    /// The use of the offset: added to the base, before or after the access, and written back or not.
    public enum Indexing: Equatable {
        case offset, preIndexed, postIndexed
    }

    /// The registers of the slots.
    public enum Registers: Equatable {
        /// General registers. Loads extend to 64 bits, or sign-extend to 32 and zero the rest.
        case general(first: UInt32, second: UInt32, signExtends: Bool, isWide: Bool)
        /// Vector registers. Loads zero the bytes that they do not fill.
        case vector(first: UInt32, second: UInt32)
        /// Vector registers from `first` on, modulo 32.
        case consecutive(first: UInt32)
    }

    /// The position of each element in the slots.
    public enum Arrangement: Equatable {
        /// One slot after the other, each with this number of elements.
        case sequential(perSlot: Int)
        /// One element of each slot in turn: structures with this number of members.
        case interleaved(slots: Int)
        /// The same lane of each slot. Loads keep the other lanes.
        case lane(Int)
        /// Loads only: each element fills a slot of this number of bytes.
        case replicated(width: Int)
    }

    public let isLoad: Bool
    public let base: Base
    public let offset: Offset
    public let indexing: Indexing
    public let registers: Registers
    public let arrangement: Arrangement
    /// 1, 2, 4 or 8 bytes.
    public let elementSize: Int
    /// 1…64; the elements of one instruction take 64 bytes at most.
    public let elementCount: Int

    /// The number of bytes of memory.
    public var size: UInt64 { UInt64(elementSize &* elementCount) }

    /// The number of registers.
    public var slotCount: Int {
        switch arrangement {
        case .sequential(let perSlot): elementCount / perSlot
        case .interleaved(let slots): slots
        case .lane, .replicated: elementCount
        }
    }

    /// Returns the register of a slot: a general one (31 is the zero register) or a vector register.
    public func register(ofSlot slot: Int) -> UInt32 {
        switch registers {
        case .general(let first, let second, _, _), .vector(let first, let second): slot == 0 ? first : second
        case .consecutive(let first): (first &+ UInt32(truncatingIfNeeded: slot)) & 31
        }
    }

    public var isVector: Bool {
        switch registers {
        case .general: false
        case .vector, .consecutive: true
        }
    }
}

/// The fields of an instruction word that several encodings share (DDI 0487, C4.1.66).
struct LoadStoreFields {
    let word: UInt32

    func bits(_ low: UInt32, _ count: UInt32) -> UInt32 { word >> low & (1 << count &- 1) }
    func bit(_ place: UInt32) -> Bool { word >> place & 1 != 0 }

    /// Returns a field of `count` bits as a signed number.
    func signed(_ low: UInt32, _ count: UInt32) -> Int64 {
        let unused = Int64(64 &- count)
        return (Int64(bitPattern: UInt64(bits(low, count))) &<< unused) &>> unused
    }

    var target: UInt32 { bits(0, 5) }
    var baseRegister: LoadStore.Base { .register(bits(5, 5)) }
    var isVector: Bool { bit(26) }
}
