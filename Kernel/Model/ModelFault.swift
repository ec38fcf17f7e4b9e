import KernelCore

/// An action of the kernel that real hardware would punish.
public enum ModelFault: Error, Equatable, Sendable {
    /// A valid entry was replaced by another valid one (DDI 0487, D8.14: break before make).
    case replacedWithoutBreak(table: UInt64, index: UInt64)
    /// An entry was broken and made again, with no invalidation in between.
    case madeWithoutInvalidation(table: UInt64, index: UInt64)
    /// The kernel returned while an entry that it broke may still be cached.
    case leftWithoutInvalidation(table: UInt64, index: UInt64)
    /// A translation that is cached differs from the tables when the kernel returns.
    case staleTranslation(identifier: UInt16, address: UInt64)
    /// A tenant runs while its core's TLB may hold translations of another space, which had its VMID.
    case anotherSpacesTranslation(identifier: UInt16, core: UInt8)
    /// A tenant runs while its core's TLB may hold another virtual CPU's stage-1 translations under their common
    /// VMID.
    case anotherVirtualCPUsTranslation(identifier: UInt16, core: UInt8)
    /// A space got a VMID that a core still uses for translation.
    case identifierInUse(UInt16)
    /// A table that was not zero was put into use.
    case tableNotZeroed(UInt64)
    /// Memory was zeroed that does not begin and end at a multiple of 64.
    case zeroedUnevenly(address: UInt64, size: UInt64)
    /// A virtual CPU's registers were loaded over another's.
    case loadedOverAnother
    /// Registers were saved that were not in hardware.
    case unloadedAbsent
    /// A guest's regime was entered twice or without its registers loaded, or was left without having been entered.
    case wrongRegime
    /// A component runs in a guest's regime, or a virtual CPU in a component's or another's.
    case wrongTenant
    /// A tenant runs on another's translation.
    case wrongTranslation
    /// A tenant uses another's floating-point registers without a trap.
    case exposedFloatingPoint
    /// A tenant runs with debug exceptions that it has not asked for, or at another's addresses.
    case wrongDebugging
    /// A list register was written that holds the same interrupt as another one.
    case listedTwice(interrupt: UInt32)
    /// An interrupt is active in hardware, and no code will deactivate it.
    case interruptStuck(UInt32)
}
