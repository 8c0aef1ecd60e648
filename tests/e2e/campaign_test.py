"""A short kill campaign (campaign.py), of every fault that it knows: whatever happens at random moments, no pair is lost, doubled or changed."""

import campaign


def test_no_pair_is_lost_doubled_or_changed(wheel, data, tmp_path):
    campaign.run(tmp_path, data, kills=6, seed=66, jobs=campaign.SHORT)
