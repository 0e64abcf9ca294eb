"""What a result is, told without decoding it once more: its packets are compared with those that were decoded or encoded before."""
