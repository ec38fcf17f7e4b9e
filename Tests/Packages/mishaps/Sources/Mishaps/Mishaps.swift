import Entente

/// What the component does wrong, by its argument. A test names the lines of this file.
public func goWrong(_ number: Int) {
    let numbers = [1, 2, 3]
    switch number {
    case 0: use(numbers[number + 3])
    case 1: use(number + .max)
    case 2: precondition(number > 2, "two is not enough")
    case 3: fatalError("three, as in \(numbers.count)")
    case 4: use(depth(of: 3000))
    case 5: use(UInt8(number * 100))
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
