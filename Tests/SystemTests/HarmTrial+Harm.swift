import SystemImage

// The harm that a fault has done, as the trial sees it.
extension HarmTrial {
    /// Returns the effects on all parts but the offender.
    ///
    /// A dead part is silent as well, so its silence counts only if a stall was predicted. Such a part may have stood
    /// still before it died.
    func harm(silent: Set<String> = [], dead: Set<String>, losers: Set<String> = [], by offender: String) -> Harm {
        var harm: Harm = [:]
        for victim in parts.map(\.name) where victim != offender {
            var effects: Set<HarmEffect> = []
            if dead.contains(victim) { effects.insert(.end) }
            if silent.contains(victim), effects.isEmpty || isForeseen(victim, .stall, offender) {
                effects.insert(.stall)
            }
            if losers.contains(victim) { effects.insert(.change) }
            if !effects.isEmpty { harm[victim] = effects }
        }
        return harm
    }

    /// Returns true if a busy host may be the cause of some of the harm. The analysis has not predicted such harm, or
    /// the test does not expect it.
    func isDoubtful(_ harm: Harm, by offender: String) -> Bool {
        harm.contains { victim, effects in effects.contains { isDoubtful(victim, $0, offender) } }
    }

    /// Returns the harm that two trials of a fault have shown, except doubtful harm that only one of them has shown.
    func confirmed(_ first: Harm, _ second: Harm, by offender: String) -> Harm {
        var harm = first.merging(second) { $0.union($1) }
        for (victim, effects) in harm {
            harm[victim] = effects.filter { effect in
                let isInBoth = [first, second].allSatisfy { $0[victim, default: []].contains(effect) }
                return isInBoth || !isDoubtful(victim, effect, offender)
            }
        }
        return harm.filter { !$0.value.isEmpty }
    }

    private func isDoubtful(_ victim: String, _ effect: HarmEffect, _ offender: String) -> Bool {
        [.stall, .end].contains(effect)
            && (!isForeseen(victim, effect, offender) || unexpected.contains("\(victim) \(effect) \(offender)"))
    }
}
