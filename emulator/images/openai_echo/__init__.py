"""An OpenAI-compatible server that makes its tokens up: an LLM service without a GPU and without a model.

It repeats the words of what it was asked, one token a word, at a stated rate. Of the standard library alone: it runs in
the emulator's containers without site packages, and knows nothing of the emulator.
"""
