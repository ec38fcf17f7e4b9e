// The functions for division with a remainder that the standard library expects of a C library. Both results are
// exact, so they are the same as the host's, bit for bit.

#if !NO_FLOAT
    enum ExactRemainder {
        /// Returns `x` minus a multiple of `y`, with the quotient rounded towards zero, as C's `fmod` does.
        static func truncating(_ x: Double, _ y: Double) -> Double {
            guard x.isFinite, !y.isNaN, y != 0 else { return .nan }
            let divisor = Parts(y.magnitude)
            guard x.magnitude >= y.magnitude, y.isFinite else { return x }
            var rest = Parts(x.magnitude)
            // Each turn handles one bit of the quotient, so there are at most 2,100 turns.
            while rest.exponent > divisor.exponent {
                if rest.fraction >= divisor.fraction { rest.fraction -= divisor.fraction }
                rest.fraction <<= 1
                rest.exponent -= 1
            }
            if rest.fraction >= divisor.fraction { rest.fraction -= divisor.fraction }
            return Double(sign: x.sign, exponent: 0, significand: rest.value)
        }

        /// Returns `x` minus the nearest multiple of `y`, or the even one of two, as C's `remainder` does (IEEE 754,
        /// 5.3.1).
        static func nearest(_ x: Double, _ y: Double) -> Double {
            guard x.isFinite, !y.isNaN, y != 0 else { return .nan }
            guard y.isFinite else { return x }
            let divisor = y.magnitude
            let twice = divisor + divisor
            var rest = twice.isFinite ? truncating(x.magnitude, twice) : x.magnitude
            // Below a quarter of the largest number, the comparison of `rest + rest` with `divisor` cannot overflow.
            // Above it, half of the divisor is exact.
            func isBeyondHalf(_ orEqual: Bool) -> Bool {
                if divisor < 0x1p-1021 { return orEqual ? rest + rest >= divisor : rest + rest > divisor }
                return orEqual ? rest >= divisor / 2 : rest > divisor / 2
            }
            if isBeyondHalf(false) {
                rest -= divisor
                if isBeyondHalf(true) { rest -= divisor }
            }
            return x.sign == .minus ? -rest : rest
        }

        /// A finite number as `fraction` times two to the power of `exponent`.
        private struct Parts {
            var fraction: UInt64
            var exponent: Int

            init(_ number: Double) {
                let bits = number.significandBitPattern
                let isSubnormal = number.exponentBitPattern == 0
                fraction = isSubnormal ? bits : bits | 1 << 52
                exponent = isSubnormal ? 1 : Int(number.exponentBitPattern)
                // In all numbers but zero the leading bit has the same place.
                guard fraction != 0 else { return }
                let shift = fraction.leadingZeroBitCount - 11
                fraction <<= UInt64(shift)
                exponent -= shift
            }

            /// The value, which is exact because it is a multiple of the smallest number and below the divisor.
            var value: Double {
                guard fraction != 0 else { return 0 }
                let shift = fraction.leadingZeroBitCount - 11
                let (fraction, exponent) = (fraction << UInt64(shift), exponent - shift)
                if exponent > 0 { return Double(bitPattern: UInt64(exponent) << 52 | fraction & (1 << 52 - 1)) }
                return Double(bitPattern: fraction >> UInt64(1 - exponent))
            }
        }
    }

    #if hasFeature(Embedded)
        @c(fmod)
        public func entente_fmod(_ x: Double, _ y: Double) -> Double { ExactRemainder.truncating(x, y) }

        @c(fmodf)
        public func entente_fmodf(_ x: Float, _ y: Float) -> Float {
            Float(ExactRemainder.truncating(Double(x), Double(y)))
        }

        @c(remainder)
        public func entente_remainder(_ x: Double, _ y: Double) -> Double { ExactRemainder.nearest(x, y) }

        @c(remainderf)
        public func entente_remainderf(_ x: Float, _ y: Float) -> Float {
            Float(ExactRemainder.nearest(Double(x), Double(y)))
        }
    #endif
#endif
