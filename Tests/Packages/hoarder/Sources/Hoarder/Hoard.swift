import Entente

/// An object that is counted by reference.
public final class Coin {
    public let value: UInt64
    public init(value: UInt64) { self.value = value }
}

/// Works with arrays, dictionaries, classes and strings.
public func hoard() -> UInt64 {
    var coins: [Coin] = []
    for value in 1...100 as ClosedRange<UInt64> { coins.append(Coin(value: value)) }
    let even = coins.map { $0.value }.filter { $0 % 2 == 0 }.sorted(by: >)
    var places: [UInt64: Int] = [:]
    for (place, value) in even.enumerated() { places[value] = place }
    return coins.reduce(0) { $0 + $1.value } + UInt64(places[2] ?? 0) + UInt64(even.count)
}

/// Takes memory until there is none.
public func hoardForEver() {
    var pages: [[UInt64]] = []
    while true {
        pages.append([UInt64](repeating: 1, count: 512))
        if pages.count % 4 == 0 { log("\(pages.count * 4) KiB hoarded") }
    }
}
