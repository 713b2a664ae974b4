"""``python -m lacbed_gan.app``: see `lacbed_gan.commands.app`."""

from lacbed_gan.commands.app import main

if __name__ == "__main__":
    main()
