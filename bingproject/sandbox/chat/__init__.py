"""The parts that the stand-ins of all chats share: sockets, turns, records, uploads."""
