import Entente

/// Fails in the way that the argument names. A test knows the line numbers of this file.
public func goWrong(_ number: Int) {
    let numbers = [1, 2, 3]
    switch number {
    case 0: use(numbers[number + 3])
    case 1: use(number + .max)
    case 2: precondition(number > 2, "two is not enough")
    case 3: fatalError("three, as in \(numbers.count)")
    case 4: use(depth(of: 3000))
    case 5: use(UInt8(number * 100))
    case 6: sayNumbers()
    default: break
    }
}

/// Needs a frame of the stack for each turn.
@inline(never)
private func depth(of turns: Int) -> Int {
    if turns == 0 { return 0 }
    let below = depth(of: turns - 1)
    use(below)
    return below + 1
}

@inline(never)
private func use(_ number: some FixedWidthInteger) { log("got \(number)" as LogText, if: number == 3000) }

private func log(_ text: @autoclosure () -> LogText, if condition: Bool) { if condition { log(text()) } }

/// Logs numbers that differ at each start, and texts that are equal to the host's.
private func sayNumbers() {
    log("random \(hex: UInt64.random(in: 0 ... .max)) and \(hex: UInt64.random(in: 0 ... .max))")
    log("hash \(hex: "text".hashValue)")
    let key: ShortText = "turn 7"
    log("texts \(key) \("\(key)" == "turn 7") \("\(key)" == "\("turn 8" as ShortText)") \([key: 1][key] ?? 0)")
    let six = Double(Configuration.current.arguments[0])
    log("math \(six.squareRoot()) \((-six).truncatingRemainder(dividingBy: 0.7)) \(six.remainder(dividingBy: 3.5))")
    log(
        "read \(Double("\(six)25e-3") ?? 0) \(Float("0.\(Int(six))") ?? 0) \(Double("six") ?? -1) \(Float(six).squareRoot())"
    )
    log(
        "numbers \(1.5) \(0.1 + 0.2) \(Float(1) / 3) \("\(-0.0)") \(Double.infinity) \(CallError<Never>.dead(generation: 3))"
    )
}
