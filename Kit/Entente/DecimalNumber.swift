// The functions behind `Double("1.5")` and `Float("1.5")`, because the standard library asks a C library to read the
// text. The result is the number nearest to the text, or the even one of two (IEEE 754, 5.12.2). It is therefore the
// same as the host's, bit for bit.

#if !NO_FLOAT && !NO_HEAP
    /// The limits of a binary floating-point format.
    struct FloatingFormat {
        /// The bits of the significand, including the leading one.
        var precision: Int
        /// The exponent of the lowest bit of the smallest number.
        var minimumExponent: Int
        /// The exponent of the leading bit of the largest number.
        var maximumExponent: Int
        static let double = FloatingFormat(precision: 53, minimumExponent: -1074, maximumExponent: 1023)
        static let float = FloatingFormat(precision: 24, minimumExponent: -149, maximumExponent: 127)
    }

    /// A whole number of any size, in pieces of 32 bits. The lowest piece comes first, and the last piece is not 0.
    struct WholeNumber {
        private(set) var pieces: [UInt32] = []

        init(_ number: UInt32 = 0) { if number > 0 { pieces = [number] } }

        var bitCount: Int { (pieces.last.map { 32 - $0.leadingZeroBitCount } ?? 0) + 32 * max(pieces.count - 1, 0) }

        mutating func multiply(by factor: UInt32, adding carry: UInt32 = 0) {
            var carry = UInt64(carry)
            for index in pieces.indices {
                carry += UInt64(pieces[index]) * UInt64(factor)
                pieces[index] = UInt32(truncatingIfNeeded: carry)
                carry >>= 32
            }
            if carry > 0 { pieces.append(UInt32(truncatingIfNeeded: carry)) }
        }

        mutating func multiply(byPowerOfTen power: Int) {
            for _ in 0..<power / 9 { multiply(by: 1_000_000_000) }
            for _ in 0..<power % 9 { multiply(by: 10) }
        }

        mutating func shiftLeft(_ bits: Int) {
            guard !pieces.isEmpty else { return }
            multiply(by: 1 << UInt32(bits % 32))
            pieces.insert(contentsOf: repeatElement(0, count: bits / 32), at: 0)
        }

        /// Subtracts `other` if that is no larger, and returns true if it did.
        mutating func subtract(ifPossible other: WholeNumber) -> Bool {
            guard !isLess(than: other) else { return false }
            var borrow: Int64 = 0
            for index in pieces.indices {
                let part = index < other.pieces.count ? Int64(other.pieces[index]) : 0
                let difference = Int64(pieces[index]) - part + borrow
                pieces[index] = UInt32(truncatingIfNeeded: difference)
                borrow = difference >> 32
            }
            while pieces.last == 0 { pieces.removeLast() }
            return true
        }

        private func isLess(than other: WholeNumber) -> Bool {
            if pieces.count != other.pieces.count { return pieces.count < other.pieces.count }
            for index in pieces.indices.reversed() where pieces[index] != other.pieces[index] {
                return pieces[index] < other.pieces[index]
            }
            return false
        }
    }

    /// A number as a text gives it: its first 800 digits, times a power of ten, or of two for hexadecimal digits.
    struct DecimalNumber {
        private var isNegative = false
        private var digits = WholeNumber()
        private var base: UInt32 = 10
        private var exponent = 0
        private var special: Double?

        /// The number of digits that are kept. Of all further digits it only matters if one of them is not 0.
        private static let maximumDigits = 800
        /// The bound of exponents, which is far beyond all formats and far from an overflow.
        private static let maximumExponent = 100_000

        /// Reads a text. Returns nil if the text as a whole is not a number.
        init?(_ text: [UInt8]) {
            var rest = text[...]
            if let sign = rest.first, sign == 0x2B || sign == 0x2D {
                isNegative = sign == 0x2D
                rest.removeFirst()
            }
            special = DecimalNumber.special(rest)
            if special != nil { return }
            if rest.count > 2, rest[rest.startIndex] == 0x30, rest[rest.startIndex + 1] | 0x20 == 0x78 {
                base = 16
                rest.removeFirst(2)
            }
            guard takeDigits(&rest), takeExponent(&rest), rest.isEmpty else { return nil }
        }

        private static func special(_ text: ArraySlice<UInt8>) -> Double? {
            let word = text.map { $0 | 0x20 }
            if word.elementsEqual("inf".utf8) || word.elementsEqual("infinity".utf8) { return .infinity }
            return word.elementsEqual("nan".utf8) ? .nan : nil
        }

        /// Takes digits with at most one point, and returns true if there was a digit.
        private mutating func takeDigits(_ rest: inout ArraySlice<UInt8>) -> Bool {
            var (count, hasDigit, isBehindPoint, hasMore) = (0, false, false, false)
            while let byte = rest.first {
                if byte == 0x2E, !isBehindPoint {
                    isBehindPoint = true
                } else if let digit = DecimalNumber.digit(byte, base) {
                    hasDigit = true
                    let isKept = count < DecimalNumber.maximumDigits
                    if isKept { digits.multiply(by: base, adding: digit) }
                    if isKept, !digits.pieces.isEmpty { count += 1 }
                    if !isKept, digit != 0 { hasMore = true }
                    if isKept == isBehindPoint { exponent += (isKept ? -1 : 1) * (base == 16 ? 4 : 1) }
                } else {
                    break
                }
                rest.removeFirst()
            }
            // One more digit stands for the digits that were left out.
            if hasMore {
                digits.multiply(by: base, adding: 1)
                exponent -= base == 16 ? 4 : 1
            }
            return hasDigit
        }

        private static func digit(_ byte: UInt8, _ base: UInt32) -> UInt32? {
            switch byte {
            case 0x30...0x39: UInt32(byte - 0x30)
            case 0x41...0x46 where base == 16: UInt32(byte - 0x37)
            case 0x61...0x66 where base == 16: UInt32(byte - 0x57)
            default: nil
            }
        }

        /// Takes `e-12`, or `p-12` behind hexadecimal digits. Returns false if an exponent begins but has no digits.
        private mutating func takeExponent(_ rest: inout ArraySlice<UInt8>) -> Bool {
            guard let mark = rest.first, mark | 0x20 == (base == 16 ? 0x70 : 0x65) else { return true }
            rest.removeFirst()
            var isNegative = false
            if let sign = rest.first, sign == 0x2B || sign == 0x2D {
                isNegative = sign == 0x2D
                rest.removeFirst()
            }
            guard !rest.isEmpty else { return false }
            var number = 0
            while let digit = rest.first.flatMap({ DecimalNumber.digit($0, 10) }) {
                number = min(number * 10 + Int(digit), DecimalNumber.maximumExponent)
                rest.removeFirst()
            }
            exponent += isNegative ? -number : number
            return true
        }

        /// Returns the nearest number of a format, as a `Double`, which can hold it.
        func nearest(in format: FloatingFormat) -> Double {
            let magnitude = special ?? rounded(in: format)
            return isNegative ? -magnitude : magnitude
        }

        private func rounded(in format: FloatingFormat) -> Double {
            if digits.pieces.isEmpty { return 0 }
            // No format has a number of this size. The check also bounds the work.
            let size = digits.bitCount + (base == 16 ? exponent : exponent * 10 / 3)
            if size > 5_000 { return .infinity }
            if size < -5_000 { return 0 }
            var (dividend, divisor) = (digits, WholeNumber(1))
            var power = base == 16 ? exponent : 0
            if base == 10, exponent >= 0 { dividend.multiply(byPowerOfTen: exponent) }
            if base == 10, exponent < 0 { divisor.multiply(byPowerOfTen: -exponent) }
            // The quotient has one bit more than the format, or fewer near the format's end. Its last bit tells the
            // halves apart.
            let leading = dividend.bitCount - divisor.bitCount + power
            let lowest = max(leading - format.precision, format.minimumExponent) - 1
            let shift = power - lowest
            if shift >= 0 { dividend.shiftLeft(shift) } else { divisor.shiftLeft(-shift) }
            power = lowest
            let (quotient, isExact) = DecimalNumber.divide(dividend, by: divisor)
            return DecimalNumber.compose(quotient, isExact, power, format)
        }

        /// Returns the quotient, which has at most 55 bits, and true if the division leaves no rest.
        private static func divide(_ dividend: WholeNumber, by divisor: WholeNumber) -> (UInt64, isExact: Bool) {
            var rest = dividend
            var quotient: UInt64 = 0
            let bits = max(dividend.bitCount - divisor.bitCount, 0)
            for bit in (0...bits).reversed() {
                var part = divisor
                part.shiftLeft(bit)
                quotient = quotient << 1 | (rest.subtract(ifPossible: part) ? 1 : 0)
            }
            return (quotient, rest.pieces.isEmpty)
        }

        /// Rounds `quotient` times two to the power of `power` to an even last bit. The quotient has one or two bits
        /// too many.
        private static func compose(
            _ quotient: UInt64, _ isExact: Bool, _ power: Int, _ format: FloatingFormat
        ) -> Double {
            let bits = 64 - quotient.leadingZeroBitCount
            // The higher of two estimates of the leading bit was used, so the quotient may have one bit more than
            // needed.
            let extra = max(bits - format.precision, format.minimumExponent - power)
            let half = 1 << UInt64(extra - 1) as UInt64
            let rest = quotient & (2 * half - 1)
            var number = quotient >> UInt64(extra)
            if rest > half || (rest == half && (!isExact || number & 1 == 1)) { number += 1 }
            let result = Double(sign: .plus, exponent: power + extra, significand: 1) * Double(number)
            let limit = Double(sign: .plus, exponent: format.maximumExponent, significand: 2 - Double.ulpOfOne)
            return format.precision < 53 && result > limit ? .infinity : result
        }
    }

    #if hasFeature(Embedded)
        /// Reads a number for `Double.init(_: String)`. Returns the end of the text, or nil if the text is not a
        /// number.
        @c(_swift_stdlib_strtod_clocale)
        public func readDouble(
            _ text: UnsafePointer<CChar>, _ result: UnsafeMutablePointer<Double>
        ) -> UnsafePointer<CChar>? {
            // SAFETY: the standard library passes a text that ends with a zero, and a result that it owns.
            guard let (number, end) = unsafe readNumber(text, .double) else { return nil }
            unsafe result.pointee = number
            return unsafe end
        }

        /// Reads a number for `Float.init(_: String)`, as `readDouble` does.
        @c(_swift_stdlib_strtof_clocale)
        public func readFloat(
            _ text: UnsafePointer<CChar>, _ result: UnsafeMutablePointer<Float>
        ) -> UnsafePointer<CChar>? {
            // SAFETY: as in `readDouble`.
            guard let (number, end) = unsafe readNumber(text, .float) else { return nil }
            unsafe result.pointee = Float(number)
            return unsafe end
        }

        private func readNumber(
            _ text: UnsafePointer<CChar>, _ format: FloatingFormat
        ) -> (Double, UnsafePointer<CChar>)? {
            var bytes: [UInt8] = []
            var end = unsafe text
            // SAFETY: the text ends with a zero, and nothing behind it is read.
            while unsafe end.pointee != 0 {
                unsafe bytes.append(UInt8(bitPattern: end.pointee))
                unsafe end += 1
            }
            guard let number = DecimalNumber(bytes) else { return nil }
            return unsafe (number.nearest(in: format), end)
        }
    #endif
#endif
