"""RoomBench: cases in the living room, and judges that know the world and are not learnt."""
