import ABI

/// The accesses that a register allows.
public enum RegisterAccess: Sendable { case readOnly, writeOnly, readWrite }

/// A number that a program reads from a device or writes to it in one access: `UInt8`, `UInt16`, `UInt32` or
/// `UInt64`.
public protocol RegisterValue: FixedWidthInteger & UnsignedInteger & Sendable {
    /// Makes one load of this width. The address is one of a device's registers, aligned to the width.
    @unsafe static func load(register address: UInt64) -> Self
    /// Makes one store of this width. The address is one of a device's registers, aligned to the width.
    @unsafe static func store(_ value: Self, register address: UInt64)
}

/// The offset of a register and its accesses: `Register<UInt32>(0x18, .readOnly)`.
public struct Register<Value: RegisterValue>: Sendable {
    /// The distance in bytes from the device's first register; a multiple of the value's size.
    public let offset: Int
    public let access: RegisterAccess

    @inline(__always) public init(_ offset: Int, _ access: RegisterAccess) {
        self.offset = offset
        self.access = access
    }
}

/// The registers of a device of the board, which no other component can access. An access is one load or store of the
/// register's width, which the compiler neither omits nor merges nor splits.
///
/// Accesses reach the device in the order of the program. They are not ordered with accesses to memory;
/// `DMAMemory.order` orders both.
@safe
public struct Registers: Sendable {
    private let base: UInt64
    /// The size in bytes.
    public let size: Int

    /// Finds the registers that the manifest calls `name`, under `devices`. Stops the component with a log line if
    /// there are none.
    public init(named name: StaticString) {
        guard let registers = Registers(ifNamed: name) else {
            log("this component drives '\(name)', but its manifest has no such device: add it under 'devices'")
            fatalError("no such registers")
        }
        self = registers
    }

    /// Finds the registers that the manifest calls `name`. Returns nil if there are none.
    public init?(ifNamed name: StaticString) {
        guard let resource = Configuration.resource(.registers, named: name) else { return nil }
        self.init(of: resource)
    }

    /// Uses the registers of a resource of this component.
    public init(of resource: Resource) {
        base = resource.address
        size = Int(truncatingIfNeeded: resource.size)
    }

    /// The value of a register. The component stops if it reads a write-only register, writes a read-only one, or
    /// names an offset outside of the device, because each of these is a mistake of the program.
    public subscript<Value: RegisterValue>(_ register: Register<Value>) -> Value {
        @inline(__always) get {
            precondition(register.access != .writeOnly, "the component reads a register that can only be written")
            // SAFETY: root mapped the registers before it started this component, and never unmaps them; `address`
            // checks that this one is among them, and its alignment.
            return unsafe Value.load(register: address(register))
        }
        @inline(__always) nonmutating set {
            precondition(register.access != .readOnly, "the component writes a register that can only be read")
            // SAFETY: as above.
            unsafe Value.store(newValue, register: address(register))
        }
    }

    @inline(__always) private func address<Value>(_ register: Register<Value>) -> UInt64 {
        let (offset, width) = (register.offset, MemoryLayout<Value>.size)
        precondition(
            offset >= 0 && offset & (width - 1) == 0 && offset <= size - width,
            "the component accesses a register outside of its device")
        return base + UInt64(truncatingIfNeeded: offset)
    }
}

#if hasFeature(Embedded)
    import RuntimeSupport

    // SAFETY (of the eight): the caller names a register of a device that is mapped.

    extension UInt8: RegisterValue {
        @unsafe @inline(__always) public static func load(register address: UInt64) -> UInt8 { entente_read8(address) }
        @unsafe @inline(__always) public static func store(_ value: UInt8, register address: UInt64) {
            entente_write8(address, value)
        }
    }

    extension UInt16: RegisterValue {
        @unsafe @inline(__always) public static func load(register address: UInt64) -> UInt16 {
            entente_read16(address)
        }
        @unsafe @inline(__always) public static func store(_ value: UInt16, register address: UInt64) {
            entente_write16(address, value)
        }
    }

    extension UInt32: RegisterValue {
        @unsafe @inline(__always) public static func load(register address: UInt64) -> UInt32 {
            entente_read32(address)
        }
        @unsafe @inline(__always) public static func store(_ value: UInt32, register address: UInt64) {
            entente_write32(address, value)
        }
    }

    extension UInt64: RegisterValue {
        @unsafe @inline(__always) public static func load(register address: UInt64) -> UInt64 {
            entente_read64(address)
        }
        @unsafe @inline(__always) public static func store(_ value: UInt64, register address: UInt64) {
            entente_write64(address, value)
        }
    }
#else
    extension RegisterValue {
        public static func load(register address: UInt64) -> Self {
            Self(truncatingIfNeeded: Seam.kernel.readRegister(at: address, width: MemoryLayout<Self>.size))
        }
        public static func store(_ value: Self, register address: UInt64) {
            Seam.kernel.writeRegister(UInt64(value), at: address, width: MemoryLayout<Self>.size)
        }
    }

    extension UInt8: RegisterValue {}
    extension UInt16: RegisterValue {}
    extension UInt32: RegisterValue {}
    extension UInt64: RegisterValue {}
#endif
