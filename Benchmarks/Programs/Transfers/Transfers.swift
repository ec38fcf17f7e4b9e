import Measuring

/// Measures each way with sizes from nothing to 1 MiB, as `transfer.WAY.BYTES`.
func measureTransfers(_ sender: inout Sender) {
    let sizes: InlineArray<6, UInt64> = [0, 48, 512, 4096, 65536, Place.largest]
    for place in sizes.indices {
        let size = sizes[place]
        let turns: UInt64 = size <= 4096 ? 1000 : size <= 65536 ? 50 : 4
        for index in 0..<Mechanism.count {
            guard let mechanism = Mechanism(rawValue: index) else { continue }
            let ticks = sender.ticks(mechanism, size, turns: turns)
            report("transfer", mechanism.name, size: size, ticks: ticks, turns: turns)
        }
    }
}
