"""How a new version gets its traffic: where a rollout stands, what is known, and the one next step. Pure.

`locate` reads the position off the live service, `evidence` judges what was measured, `next_step` decides. None of them
calls anything or looks at a clock; whoever carries a step out does so in one conditional write.
"""
