"""``python -m lacbed_gan.identify``: see `lacbed_gan.commands.identify`."""

from lacbed_gan.commands.identify import main

if __name__ == "__main__":
    main()
