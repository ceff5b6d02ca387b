from cri_server.info import cni_result


def test_pods_of_no_cni_network_have_no_result() -> None:
    assert cni_result(None) is None
    assert cni_result({"address": "10.88.0.2/24"}) is None


def test_the_result_is_shown_as_containerd_does() -> None:
    result = {
        "interfaces": [{"name": "cni0", "mac": "aa"}, {"name": "eth0", "mac": "bb", "sandbox": "/n"}],
        "ips": [{"address": "10.1.0.2/24", "gateway": "10.1.0.1", "interface": 1}],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dns": {},
    }
    assert cni_result({"cni": "pods", "result": result}) == {
        "Interfaces": {
            "cni0": {"IPConfigs": None, "Mac": "aa", "Sandbox": ""},
            "eth0": {"IPConfigs": [{"IP": "10.1.0.2", "Gateway": "10.1.0.1"}], "Mac": "bb", "Sandbox": "/n"},
        },
        "DNS": [{}],
        "Routes": [{"dst": "0.0.0.0/0"}],
    }


def test_a_result_needs_no_interfaces() -> None:
    shown = cni_result({"cni": "pods", "result": {"ips": [{"address": "10.1.0.2/24"}]}})
    assert shown is not None
    assert shown["Interfaces"]["eth0"]["IPConfigs"] == [{"IP": "10.1.0.2", "Gateway": ""}]
