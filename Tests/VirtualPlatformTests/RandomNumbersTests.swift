import ABI
import Testing

@testable import VirtualPlatform

/// The firmware's functions for random numbers (DEN0098).
@Suite struct RandomNumbersTests {
    private static let version: UInt64 = 0x8400_0050
    private static let features: UInt64 = 0x8400_0051
    private static let identity: UInt64 = 0x8400_0052
    private static let numbers: UInt64 = 0x8400_0053
    private static let numbers64: UInt64 = 0xC400_0053

    private static let random: InlineArray<4, UInt64> = [
        0xA7A6_A5A4_A3A2_A1A0, 0xB7B6_B5B4_B3B2_B1B0, 0xC7C6_C5C4_C3C2_C1C0, 0xD7D6_D5D4_D3D2_D1D0,
    ]

    private func perform(_ function: UInt64, _ argument: UInt64 = 0) -> FirmwareAction {
        var power = PowerController(virtualCPUCount: 1)
        let ram = GuestBounds(MemoryRange(base: 0x4000_0000, size: 0x1000_0000))
        return power.perform(FirmwareCall(function: function, argument, 0, 0), from: 0, ram: ram)
    }

    private func result(_ status: Int64) -> FirmwareAction { .resume(UInt64(bitPattern: status)) }

    private func registers(_ function: UInt64, _ bits: UInt64) -> [UInt64]? {
        guard case .random(let request) = perform(function, bits) else { return nil }
        let results = request.results(of: Self.random)
        return [results.0, results.1, results.2]
    }

    @Test func versionAndFeatures() {
        #expect(perform(Self.version) == .resume(0x1_0000))
        for function in [Self.version, Self.features, Self.identity, Self.numbers, Self.numbers64] {
            #expect(perform(Self.features, function) == result(0), "\(function)")
        }
        for function: UInt64 in [0, 0x8400_0000, 0x8400_0054, 0xC400_0050, 0xC400_0051, 0xC400_0052] {
            #expect(perform(Self.features, function) == result(-1), "\(function)")
        }
        for function: UInt64 in [0x8400_004F, 0x8400_0054, 0xC400_0050, 0xC400_0051, 0xC400_0052, 0xC400_0054] {
            #expect(perform(function) == result(-1), "\(function)")
        }
    }

    /// SMCCC demands that the first word of a UUID is not -1. The UUID has version 4.
    @Test func theIdentityIsAUUID() {
        #expect(perform(Self.identity) == .identify)
        let words = RandomNumbers.identity
        for word in [words.0, words.1, words.2, words.3] { #expect(word <= 0xFFFF_FFFF && word != 0xFFFF_FFFF) }
        #expect(words.1 >> 20 & 15 == 4 && words.2 & 0xC0 == 0x80)
    }

    private var refusal: FirmwareAction { .refuse(UInt64(bitPattern: -2)) }

    @Test func anImpossibleNumberOfBitsIsRefused() {
        for bits: UInt64 in [0, 97, 128, 192, 0xFFFF_FFFF] {
            #expect(perform(Self.numbers, bits) == refusal, "\(bits)")
        }
        // The upper half of an argument does not count in the 32-bit convention.
        #expect(perform(Self.numbers, 1 << 32) == refusal)
        for bits: UInt64 in [0, 193, 256, 1 << 32, .max] {
            #expect(perform(Self.numbers64, bits) == refusal, "\(bits)")
        }
        #expect(RandomNumbers.noEntropy == UInt64(bitPattern: -3))
    }

    /// Every bit that was requested comes from a bit of the source of its own, and the other bits are 0.
    @Test func theLastRegisterHasTheLowestBits() {
        for (function, width) in [(Self.numbers, 32), (Self.numbers64, 64)] as [(UInt64, UInt64)] {
            for bits in 1...3 * width {
                var expected: [UInt64] = []
                for register in 0..<3 {
                    let count = min(max(Int(bits) - register * Int(width), 0), Int(width))
                    expected.insert(count == 0 ? 0 : Self.random[register] & (.max >> (64 - UInt64(count))), at: 0)
                }
                #expect(registers(function, bits) == expected, "\(function) \(bits)")
            }
        }
        #expect(registers(Self.numbers, 0xFF_0000_0060) == [0xC3C2_C1C0, 0xB3B2_B1B0, 0xA3A2_A1A0])
        #expect(registers(Self.numbers64, 65) == [0, 0, 0xA7A6_A5A4_A3A2_A1A0])
        #expect(registers(Self.numbers64, 69) == [0, 0x10, 0xA7A6_A5A4_A3A2_A1A0])
    }
}
