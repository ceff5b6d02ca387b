"""What a hostile client sends, to the streaming server's codecs: nothing but their own error may come of it.

python -m tests.fuzz [--frames N] [--seed N] [CODEC…]
"""
