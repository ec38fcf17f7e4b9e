import GuestHardware
import GuestSupport

/// Performs loads and stores of every kind on devices, with random registers and addresses. It prints a line for each
/// group, with a hash of all registers and of all contents of the devices after each instruction. The same program
/// prints the same on the bare emulator.
@c(guest_main)
public func guestMain() {
    SerialPort.initialize()
    guest_stop_translation()
    write("accesses: begin")
    endLine()
    for number in 0..<5 as Range<UInt32> {
        guard let translation = Translation(rawValue: number) else { continue }
        var run = AccessRun(translation)
        run.performAll()
    }
    write("accesses: end")
    endLine()
}

/// The translation under which the instructions are executed.
enum Translation: UInt32 {
    case off, blocks4K, pages4K, blocks16K, blocks64K

    var name: StaticString {
        switch self {
        case .off: "off"
        case .blocks4K: "4K blocks"
        case .pages4K: "4K pages"
        case .blocks16K: "16K"
        case .blocks64K: "64K"
        }
    }

    /// The difference of the code's address from its physical address.
    var codeOffset: UInt64 { self == .pages4K ? Tables.highAlias : 0 }

    func enable() {
        switch self {
        case .off: guest_stop_translation()
        case .blocks4K: Tables.blocks4K()
        case .pages4K: Tables.pages4K()
        case .blocks16K: Tables.blocks16K()
        case .blocks64K: Tables.blocks64K()
        }
    }
}

/// Tables that map the low 2 GiB one to one: devices below 1 GiB, memory above.
enum Tables {
    private static let base: UInt64 = 0x4080_0000
    private static let stride: UInt64 = 0x1_0000
    /// An alias in the upper half, with addresses of 39 bits.
    static let highAlias: UInt64 = 0xFFFF_FF80_0000_0000

    private static let table: UInt64 = 3
    private static let page: UInt64 = 3
    private static let block: UInt64 = 1
    private static let accessed: UInt64 = 1 << 10
    private static let device: UInt64 = accessed | 3 << 53
    private static let memory: UInt64 = accessed | 1 << 2 | 3 << 8

    private static func set(_ number: UInt64, _ index: UInt64, _ entry: UInt64) {
        guest_store64(base + number * stride + 8 * index, entry)
    }

    private static func clear() {
        for word in 0..<5 * stride / 8 as Range<UInt64> { guest_store64(base + 8 * word, 0) }
    }

    static func blocks4K() {
        clear()
        set(0, 0, device | block)
        set(0, 1, 0x4000_0000 | memory | block)
        guest_translate(base, 0, 25 | 1 << 23)
    }

    /// Makes four levels for the lower half and three for the upper one; the code is in a page.
    static func pages4K() {
        clear()
        set(0, 0, base + stride | table)
        set(1, 0, device | block)
        set(1, 1, 0x4000_0000 | memory | block)
        set(2, 1, base + 3 * stride | table)
        let code = guest_code_buffer()
        set(3, code >> 21 & 511, base + 4 * stride | table)
        set(4, code >> 12 & 511, code | memory | page)
        guest_translate(base, base + 2 * stride, 16 | 25 << 16 | 2 << 30)
    }

    static func blocks16K() {
        guard guest_memory_features() >> 20 & 15 != 0 else { return guest_stop_translation() }
        clear()
        set(0, 0, base + stride | table)
        for index in 0..<64 as Range<UInt64> {
            set(1, index, index << 25 | block | (index < 32 ? device : memory))
        }
        guest_translate(base, 0, 17 | 2 << 14 | 1 << 23)
    }

    static func blocks64K() {
        guard guest_memory_features() >> 24 & 15 == 0 else { return guest_stop_translation() }
        clear()
        for index in 0..<4 as Range<UInt64> {
            set(0, index, index << 29 | block | (index < 2 ? device : memory))
        }
        guest_translate(base, 0, 22 | 1 << 14 | 1 << 23)
    }
}
