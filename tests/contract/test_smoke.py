def test_a(pbx):
    a = pbx.outcome()
    assert a.status == 200, (a, pbx.gateway.said())
    print(a.json(), pbx.received(), pbx.events())
    assert not pbx.left_no_trace()
