"""A hardware handoff file (.hwh) of our block design with the parts that pynq's parsers read.

Vivado wrote none of this: there is none where we work. Elements, attributes and parameters are those that Vivado gives
these blocks, as far as a parser of pynq 2.7 to 4.0 looks at them; the two interconnects, the reset block and all but a
few ports, which no parser needs, are left out.
"""

from pathlib import Path
from xml.sax.saxutils import quoteattr

from datapath.registers import CONTROL_BASE, CONTROL_BYTES, TOP, Register

AXI = "xilinx.com:interface:aximm:1.0"
KERNEL = f"{TOP}_0"
MEMORY_BYTES = 512 << 20

SYSTEM = {"ARCH": "zynq", "DEVICE": "7z020", "NAME": "overlay", "PACKAGE": "clg400", "SPEEDGRADE": "-1"}
"""What the file says of the whole block design."""

MODULE_REFERENCE = f"xilinx.com:module_ref:{TOP}:1.0"
"""Type of the accelerator where a block design takes the module of the RTL: without a register map, and its segment has
another name."""


def write_handoff(
    bitstream: Path,
    *,
    base: int = CONTROL_BASE,
    kernel: str | None = KERNEL,
    type: str = f"xilinx.com:hls:{TOP}:1.0",
    dividers: tuple[int, int] = (5, 2),
    masters: tuple[str, ...] = ("m_axi_gmem",),
    memory_type: str = "REGISTER",
    **system: str,
) -> Path:
    """Write the .hwh that belongs to a bitstream.

    :param kernel: path of the accelerator in the block design; None: a design without one, with another core instead.
    :param type: VLNV of the accelerator; `MODULE_REFERENCE` has no register map.
    :param dividers: of FCLK0, from the I/O PLL.
    :param masters: AXI masters of the accelerator.
    :param memory_type: what the registers are in the processing system's address space, `REGISTER` or `MEMORY`.
    :param system: attributes in the place of those in `SYSTEM`, and `version` of Vivado.
    """
    if kernel is None:
        kernel, type = "timer", "xilinx.com:ip:axi_timer:2.0"
    path = bitstream.with_suffix(".hwh")
    block = "reg0" if type == MODULE_REFERENCE else "Reg"
    registers = _range(
        master="M_AXI_GP0",
        instance=kernel.rpartition("/")[2],
        slave="s_axi_control",
        block=block,
        base=base,
        size=CONTROL_BYTES,
        memory_type=memory_type,
    )
    system = _system(
        _processing_system(kernel, registers, dividers, masters), _accelerator(kernel, type, masters), **system
    )
    path.write_text(system, encoding="utf-8")
    return path


def _system(*modules: str, version: str = "2017.4", **system: str) -> str:
    return _element(
        "EDKSYSTEM",
        _element("SYSTEMINFO", **{**SYSTEM, **system}),
        _element("EXTERNALPORTS"),
        _element("EXTERNALINTERFACES"),
        _element("MODULES", *modules),
        EDWVERSION="1.2",
        VIVADOVERSION=version,
    )


def _processing_system(kernel: str, registers: str, dividers: tuple[int, int], masters: tuple[str, ...]) -> str:
    instance = kernel.rpartition("/")[2]
    parameters = {"PCW_USE_M_AXI_GP0": 1, "PCW_USE_S_AXI_HP0": 1, "PCW_S_AXI_HP0_DATA_WIDTH": 64}
    for clock in range(4):
        parameters |= {
            f"PCW_FPGA_FCLK{clock}_ENABLE": int(clock == 0),
            f"PCW_FCLK{clock}_PERIPHERAL_CLKSRC": "IO PLL",
            f"PCW_FCLK{clock}_PERIPHERAL_DIVISOR0": dividers[0] if clock == 0 else 1,
            f"PCW_FCLK{clock}_PERIPHERAL_DIVISOR1": dividers[1] if clock == 0 else 1,
        }
    return _module(
        "ps",
        "xilinx.com:ip:processing_system7:5.5",
        parameters,
        [
            _port("FCLK_CLK0", "O", "clk", "ps_FCLK_CLK0", (instance, "ap_clk")),
            _port("M_AXI_GP0_AWADDR", "O", "undef", "ps_M_AXI_GP0_AWADDR", (instance, "s_axi_control_AWADDR")),
            _port("S_AXI_HP0_AWADDR", "I", "undef", "ps_S_AXI_HP0_AWADDR", (instance, f"{masters[-1]}_AWADDR")),
        ],
        [_bus("M_AXI_GP0", "MASTER"), _bus("S_AXI_HP0", "SLAVE")],
        [registers],
    )


def _accelerator(kernel: str, type: str, masters: tuple[str, ...]) -> str:
    memory = [
        _range(master=master, instance="ps", slave="S_AXI_HP0", block="HP0_DDR_LOWOCM", base=0, size=MEMORY_BYTES)
        for master in masters
    ]
    return _module(
        kernel,
        type,
        {},
        [
            _port("ap_clk", "I", "clk", "ps_FCLK_CLK0", ("ps", "FCLK_CLK0")),
            _port("s_axi_control_AWADDR", "I", "undef", "ps_M_AXI_GP0_AWADDR", ("ps", "M_AXI_GP0_AWADDR")),
            *(
                _port(f"{master}_AWADDR", "O", "undef", "ps_S_AXI_HP0_AWADDR", ("ps", "S_AXI_HP0_AWADDR"))
                for master in masters
            ),
        ],
        [_bus("s_axi_control", "SLAVE"), *(_bus(master, "MASTER") for master in masters)],
        memory,
        *([] if type == MODULE_REFERENCE else [_address_block()]),
    )


def _address_block() -> str:
    registers = [
        _element(
            "REGISTER",
            *_properties(
                DESCRIPTION=register.meaning,
                ADDRESS_OFFSET=register.value,
                SIZE=32,
                ACCESS="read-write",
                IS_ENABLED="true",
            ),
            NAME=register.name,
        )
        for register in Register
    ]
    block = _element(
        "ADDRESSBLOCK",
        _element("REGISTERS", *registers),
        ACCESS="",
        INTERFACE="S_AXI_CONTROL",
        NAME="Reg",
        RANGE=CONTROL_BYTES,
        USAGE="register",
    )
    return _element("ADDRESSBLOCKS", block)


def _module(
    path: str,
    type: str,
    parameters: dict[str, object],
    ports: list[str],
    buses: list[str],
    ranges: list[str],
    *others: str,
) -> str:
    name, version = type.split(":")[2:]
    return _element(
        "MODULE",
        *others,
        _element("PARAMETERS", *(_element("PARAMETER", NAME=key, VALUE=value) for key, value in parameters.items())),
        _element("PORTS", *ports),
        _element("BUSINTERFACES", *buses),
        _element("MEMORYMAP", *ranges),
        FULLNAME=f"/{path}",
        HWVERSION=version,
        INSTANCE=path.rpartition("/")[2],
        MODTYPE=name,
        VLNV=type,
    )


def _port(name: str, direction: str, kind: str, signal: str, connected: tuple[str, str]) -> str:
    instance, port = connected
    connection = _element("CONNECTIONS", _element("CONNECTION", INSTANCE=instance, PORT=port))
    return _element("PORT", connection, DIR=direction, NAME=name, SIGIS=kind, SIGNAME=signal)


def _bus(name: str, side: str) -> str:
    mapping = _element("PORTMAPS", _element("PORTMAP", LOGICAL="AWADDR", PHYSICAL=f"{name}_AWADDR"))
    return _element("BUSINTERFACE", mapping, NAME=name, TYPE=side, VLNV=AXI)


def _range(
    *,
    master: str,
    instance: str,
    slave: str,
    block: str,
    base: int,
    size: int,
    memory_type: str = "MEMORY",
) -> str:
    return _element(
        "MEMRANGE",
        ADDRESSBLOCK=block,
        BASEVALUE=f"0x{base:08X}",
        HIGHVALUE=f"0x{base + size - 1:08X}",
        INSTANCE=instance,
        MASTERBUSINTERFACE=master,
        MEMTYPE=memory_type,
        SLAVEBUSINTERFACE=slave,
    )


def _properties(**properties: object) -> list[str]:
    return [_element("PROPERTY", NAME=name, VALUE=value) for name, value in properties.items()]


def _element(tag: str, *inner: str, **attributes: object) -> str:
    words = "".join(f" {name}={quoteattr(str(value))}" for name, value in attributes.items())
    return f"<{tag}{words}>{''.join(inner)}</{tag}>\n"
