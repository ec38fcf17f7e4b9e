/// A typed pointer to a kernel object in donated memory.
///
/// The kernel never frees an object while a `Ref` to it can be followed, and objects lie in zeroed memory. So every
/// stored type of an object must have all-zero bits as a valid first value (the first enum case, `nil`, 0). Following
/// a `Ref` needs no `unsafe` elsewhere, because the code that makes a `Ref` from an address is responsible for the
/// object.
@safe
public struct Ref<Object: ~Copyable>: Equatable {
    let pointer: UnsafeMutablePointer<Object>

    /// Makes a reference to the object at `address`, which must be aligned and hold a valid `Object`.
    @inline(__always)
    public init(at address: PhysicalAddress) {
        // SAFETY: the caller (object creation, capability lookup, the architecture's entry code) vouches for the
        // object.
        unsafe pointer = UnsafeMutablePointer(bitPattern: UInt(address.value)).unsafelyUnwrapped
    }

    @inline(__always)
    public var pointee: Object {
        // SAFETY: see the type's comment.
        unsafeAddress { unsafe UnsafePointer(pointer) }
        nonmutating unsafeMutableAddress { unsafe pointer }
    }

    @inline(__always)
    public var address: PhysicalAddress {
        // SAFETY: only the number is used.
        unsafe PhysicalAddress(UInt64(UInt(bitPattern: pointer)))
    }

    @inline(__always)
    public static func == (left: Ref, right: Ref) -> Bool {
        // SAFETY: compares numbers.
        unsafe left.pointer == right.pointer
    }
}
