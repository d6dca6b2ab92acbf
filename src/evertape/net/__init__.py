"""The wire, in layers: archive > retry > session > gate > http. `stack.build` composes them."""
