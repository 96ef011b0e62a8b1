"""Groups of cores, in each way in which XLA writes them."""

import pytest

from t5mix.mesh.compiling.costs.replica_groups import first_group, pairs


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("channel_id=1, replica_groups={{0,1,2,3},{4,5,6,7}}, use_global_device_ids=true", [0, 1, 2, 3]),
        ("replica_groups={{0,4},{1,5},{2,6},{3,7}}", [0, 4]),
        ("replica_groups=[2,4]<=[8], dimensions={0}", [0, 1, 2, 3]),
        ("replica_groups=[4,2]<=[2,4]T(1,0), dimensions={0}", [0, 4]),
        ("replica_groups=mesh['axis_0'=2,'axis_1'=4] {'axis_1'}, dimensions={0}", [0, 1, 2, 3]),
        ("replica_groups=mesh['axis_0'=2,'axis_1'=4] {'axis_0'}", [0, 4]),
        ("replica_groups=mesh['a'=2,'b'=4] {'b':(1)2}", [0, 2]),
        ("replica_groups=mesh['a'=2,'b'=4] {'b':(2)2}", [0, 1]),
        ("replica_groups=mesh['a'=2,'b'=2,'c'=2] {'a','c'}", [0, 1, 4, 5]),
        ("replica_groups=mesh['axis_0'=4,'axis_1'=1,'axis_2'=2], device_ids=([2,4]T(1,0)) {'axis_0'}", [0, 1, 2, 3]),
        ("replica_groups=mesh['axis_0'=4,'axis_1'=2], device_ids=([2,4]T(1,0)) {'axis_1'}, dimensions={0}", [0, 4]),
        ("replica_groups=mesh['a'=4,'b'=2], device_ids=([2,2,2]T(0,2,1)) {'a'}", [0, 1, 4, 5]),
        ("replica_groups=mesh['a'=4,'b'=2], device_ids=(0,4,1,5,2,6,3,7) {'a'}", [0, 1, 2, 3]),
        ("replica_groups={}", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("dimensions={0}", [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_the_first_group_is_read(text, group):
    assert first_group(text, 8) == group


def test_pairs_of_a_permutation_are_read():
    assert pairs("channel_id=3, source_target_pairs={{0,1},{1,2},{2,3}}, metadata={}") == [[0, 1], [1, 2], [2, 3]]
    assert pairs("source_target_pairs={}") == []
