"""Random worlds, each played twice, with trains of packets and without: what there is to see must be the same."""
