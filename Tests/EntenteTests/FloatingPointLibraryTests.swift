import Foundation
import Testing

@testable import Entente

/// Compares the functions that stand in for a C library with the host's.
@Suite struct FloatingPointLibraryTests {
    /// Numbers of all sizes, many of them at the edges of the format.
    private static func numbers(_ count: Int, _ seed: UInt64) -> [Double] {
        var generator = Seeded(seed)
        let edges: [UInt64] = [
            0, 1, 2, 0x000F_FFFF_FFFF_FFFF, 0x0010_0000_0000_0000, 0x7FEF_FFFF_FFFF_FFFF, 0x7FF0_0000_0000_0000,
        ]
        return (0..<count).map { index in
            var bits = index % 7 == 0 ? edges[Int(generator.next() % 7)] : generator.next()
            if index % 3 == 0 { bits = bits & 0x800F_FFFF_FFFF_FFFF | (1000 + generator.next() % 60) << 52 }
            if index % 5 == 0 { bits &= ~0 << (generator.next() % 53) }
            return Double(bitPattern: bits)
        }
    }

    private func same(_ left: Double, _ right: Double) -> Bool {
        left.isNaN ? right.isNaN : left.bitPattern == right.bitPattern
    }

    @Test func remaindersAreTheHosts() {
        let numbers = Self.numbers(2_000, 1)
        for (x, y) in zip(numbers, Self.numbers(2_000, 2)) {
            #expect(same(ExactRemainder.truncating(x, y), fmod(x, y)), "fmod(\(x), \(y))")
            #expect(same(ExactRemainder.nearest(x, y), remainder(x, y)), "remainder(\(x), \(y))")
        }
        for x in numbers.prefix(60) {
            for y in numbers.prefix(60) + [x, -x, 2 * x, x / 2, x * 1.5] {
                #expect(same(ExactRemainder.truncating(x, y), fmod(x, y)), "fmod(\(x), \(y))")
                #expect(same(ExactRemainder.nearest(x, y), remainder(x, y)), "remainder(\(x), \(y))")
            }
        }
        for (x, y) in zip(numbers.map { Float($0) }, numbers.reversed().map { Float($0) }) {
            #expect(same(Double(Float(ExactRemainder.truncating(Double(x), Double(y)))), Double(fmodf(x, y))))
            #expect(same(Double(Float(ExactRemainder.nearest(Double(x), Double(y)))), Double(remainderf(x, y))))
        }
    }

    private func check(_ text: String) {
        let number = DecimalNumber(Array(text.utf8))
        let (double, float) = (number?.nearest(in: .double), number.map { Float($0.nearest(in: .float)) })
        #expect((double == nil) == (Double(text) == nil), "\(text)")
        if let double, let expected = Double(text) { #expect(same(double, expected), "\(text)") }
        if let float, let expected = Float(text) { #expect(same(Double(float), Double(expected)), "\(text)") }
    }

    @Test(arguments: [
        "0", "-0", "1", "1.5", ".5", "5.", "+2", "1e3", "1E-3", "1e+3", "inf", "-Infinity", "0x1p3", "0x.8p-1", "0xAbC",
        "1e400", "-1e400", "1e-400", "0x1p-1074", "0x1p-1075", "0x1.8p-1075", "0x1p1024", "0x1.fffffffffffff8p1023",
        "0x1.fffffffffffff7fffp1023", "2.2250738585072011e-308", "4.9406564584124654e-324", "2.4703282292062327e-324",
        "2.4703282292062328e-324", "1.7976931348623158e308", "1.7976931348623159e308", "3.4028235677973366e38",
        "3.4028235677973365e38", "1.4e-45", "7.0e-46", "9007199254740993", "9007199254740992.9999999999", "0.1",
        "0000000000000000000001.0000", "", "+", "-", ".", "e", "1e", "1e+", "1.2.3", "1 ", "0x", "0xp1", "1p1", "abc",
        "0x1e3", "1e99999999999999999999", "1e-99999999999999999999", "0e99999999999", "infinit", "--1", "1_000",
    ])
    func aTextIsReadAsOnTheHost(text: String) { check(text) }

    @Test func randomTextsAreReadAsOnTheHost() {
        var generator = Seeded(3)
        for number in Self.numbers(1_000, 4) where number.isFinite {
            check("\(number)")
            // The text is the exact middle between two neighbours, or a little beside it.
            let (exponent, digits) = (Int(generator.next() % 640) - 340, generator.next())
            check("\(digits)e\(exponent)")
            check("0.\(digits)\(generator.next())\(generator.next())e\(exponent)")
        }
        for bits in [53, 54, 60, 64] as [UInt64] {
            for _ in 0..<100 {
                let high = generator.next() >> (64 - bits) | 1 << (bits - 1)
                check("\(high)")
                check("0x\(String(high, radix: 16))p\(Int(generator.next() % 2200) - 1140)")
            }
        }
    }

    /// The exact middle of two numbers has hundreds of digits, and one digit far behind can decide.
    @Test func aDigitFarBehindDecides() {
        let middle = String(format: "%.1100f", Double.leastNormalMagnitude * 1.5 + Double.leastNonzeroMagnitude)
        for tail in ["", "1", "0", "0000000001"] {
            check(middle + tail)
            check(
                "1.0000000000000001110223024625156540423631668090820312500" + String(repeating: "0", count: 900) + tail)
            check("1.00000000000000011102230246251565404236316680908203124" + String(repeating: "9", count: 900) + tail)
        }
        check("1" + String(repeating: "0", count: 2_000) + "e-2000")
        check("0." + String(repeating: "0", count: 2_000) + "1e2000")
    }
}
